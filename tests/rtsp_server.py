"""A camera on the network: RTSP 1.0 (RFC 2326) over TCP, one H.264 stream, any number of clients."""

import asyncio
import base64
import re
from collections.abc import Iterator
from contextlib import suppress
from fractions import Fraction
from typing import Self

import av

from tests.numbered import numbered

PAYLOAD = 1200
"Most bytes of one RTP payload; larger NAL units are cut (RFC 6184, section 5.8)."
CLOCK = 90_000
FPS = 30
FIRST_TIMESTAMP = 123_456_789


class RtspServer:
    """Sends numbered pictures to each client, from number 0, for ever or `most` of them.

    `silent` sends nothing more. It offers sound, too, but knows nothing of it when it is asked for.
    """

    def __init__(self, port: int = 0, most: int | None = None) -> None:
        self.port = port
        self._most = most
        self.silent = False
        self._sent = 0
        self._sending = asyncio.Condition()
        self._units = list(_access_units())
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def url(self) -> str:
        return f"rtsp://user:secret@127.0.0.1:{self.port}/camera"

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        """As if the plug were pulled: no TEARDOWN, no BYE."""
        self._server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._server.wait_closed()

    async def sent_more(self, pictures: int) -> None:
        """Wait until so many more have gone out, over all clients."""
        enough = self._sent + pictures
        async with asyncio.timeout(20), self._sending:
            await self._sending.wait_for(lambda: self._sent >= enough)

    async def _count(self) -> None:
        async with self._sending:
            self._sent += 1
            self._sending.notify_all()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        play: asyncio.Task[None] | None = None
        try:
            while request := await _request(reader):
                writer.write(self._answer(request))
                if request.startswith("PLAY"):
                    play = asyncio.create_task(self._play(writer))
        except (asyncio.CancelledError, ConnectionError):
            pass
        finally:
            if play is not None:
                play.cancel()
            writer.close()
            self._tasks.discard(task)

    def _answer(self, request: str) -> bytes:
        method = request.split(" ", 1)[0]
        found = re.search(r"(?im)^cseq: *(\d+)", request)
        known = method != "SETUP" or "/track " in request
        lines = ["RTSP/1.0 200 OK" if known else "RTSP/1.0 404 Not Found"]
        lines += [f"CSeq: {found[1] if found else 0}", "Session: 1"]
        body = self._description() if method == "DESCRIBE" else ""
        if method == "OPTIONS":
            lines.append("Public: OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN")
        elif method == "SETUP":
            lines.append("Transport: RTP/AVP/TCP;unicast;interleaved=0-1")
        elif method == "DESCRIBE":
            lines += ["Content-Type: application/sdp", f"Content-Length: {len(body)}"]
        return ("\r\n".join(lines) + "\r\n\r\n" + body).encode()

    def _description(self) -> str:
        sets = [unit for unit in self._units[0] if unit[0] & 31 in (7, 8)]
        sprop = ",".join(base64.b64encode(unit).decode() for unit in sets)
        return (
            "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=camera\r\nc=IN IP4 0.0.0.0\r\nt=0 0\r\n"
            "m=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\na=control:track\r\n"
            f"a=fmtp:96 packetization-mode=1;sprop-parameter-sets={sprop}\r\n"
            "m=audio 0 RTP/AVP 0\r\na=control:sound\r\n"
        )

    async def _play(self, writer: asyncio.StreamWriter) -> None:
        loop, sequence, picture = asyncio.get_running_loop(), 0, 0
        began = loop.time()
        with suppress(ConnectionError):
            while not writer.is_closing():
                if not self.silent and (self._most is None or picture < self._most):
                    payloads = list(_payloads(self._units[picture % len(self._units)]))
                    for payload in payloads:
                        last = payload is payloads[-1]
                        writer.write(_interleaved(payload, sequence, picture, last))
                        sequence += 1
                    await writer.drain()
                    await self._count()
                picture += 1
                await asyncio.sleep(max(0.0, began + picture / FPS - loop.time()))


async def _request(reader: asyncio.StreamReader) -> str:
    """The next request's head; interleaved RTCP of the client is passed over; empty at the end."""
    try:
        while (first := await reader.readexactly(1)) == b"$":
            _, high, low = await reader.readexactly(3)
            await reader.readexactly(high << 8 | low)
        return (first + await reader.readuntil(b"\r\n\r\n")).decode()
    except asyncio.IncompleteReadError:
        return ""


def _interleaved(payload: bytes, sequence: int, picture: int, last: bool) -> bytes:
    """One RTP packet (RFC 3550, section 5.1) behind the four bytes of RFC 2326, section 10.12."""
    timestamp = (FIRST_TIMESTAMP + picture * CLOCK // FPS) % 2**32
    header = bytes([0x80, 96 | last << 7]) + (sequence % 2**16).to_bytes(2, "big")
    packet = header + timestamp.to_bytes(4, "big") + (7).to_bytes(4, "big") + payload
    return b"$\0" + len(packet).to_bytes(2, "big") + packet


def _payloads(units: list[bytes]) -> Iterator[bytes]:
    """Single NAL units and, of the larger ones, fragments FU-A."""
    for unit in units:
        if len(unit) <= PAYLOAD:
            yield unit
            continue
        indicator, kind, rest = unit[0] & 0xE0 | 28, unit[0] & 31, unit[1:]
        for at in range(0, len(rest), PAYLOAD):
            start, end = at == 0, at + PAYLOAD >= len(rest)
            yield bytes([indicator, start << 7 | end << 6 | kind]) + rest[at : at + PAYLOAD]


def _access_units() -> Iterator[list[bytes]]:
    """NAL units of 60 numbered pictures, a keyframe with its parameter sets each second."""
    context = av.CodecContext.create("libx264", "w")
    assert isinstance(context, av.VideoCodecContext)
    context.width, context.height, context.pix_fmt = 320, 240, "yuv420p"
    context.time_base = Fraction(1, FPS)
    context.options = {"preset": "ultrafast", "tune": "zerolatency", "g": str(FPS)}
    for number in range(2 * FPS):
        for packet in context.encode(numbered(number)):
            yield [u.rstrip(b"\0") for u in re.split(b"\0\0\1", bytes(packet)) if u.strip(b"\0")]
