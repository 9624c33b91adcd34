"""Uploads: what is taken, what is refused, and that nothing half-done is ever seen."""

import struct
import zlib
from collections.abc import AsyncIterator
from pathlib import Path

import av
import cv2
import httpx
import numpy as np
import pytest

from omote.server import media
from omote.server.contents import Contents, Unusable, inspect
from tests.fakes import faked

PICTURE = np.random.default_rng(1).integers(0, 255, (48, 64, 3), np.uint8)
URL = "/media/backgrounds/beach.jpg"


@pytest.fixture
async def client(tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    async with faked(tmp_path) as (made, _):
        yield made


def picture(ending: str) -> bytes:
    return cv2.imencode(f".{ending}", PICTURE)[1].tobytes()


def film(path: Path, codec: str, audio: str | None = None) -> bytes:
    with av.open(path, "w") as container:
        video = container.add_stream(codec, rate=30)
        assert isinstance(video, av.VideoStream)
        video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
        if audio:
            sound = container.add_stream(audio, rate=48000)
            assert isinstance(sound, av.AudioStream)
            silence = av.AudioFrame(format="s16", layout="stereo", samples=960)
            silence.sample_rate = 48000
            container.mux(sound.encode(silence) + sound.encode(None))
        for _ in range(5):
            container.mux(video.encode(av.VideoFrame.from_ndarray(PICTURE, "bgr24")))
        container.mux(video.encode(None))
    return path.read_bytes()


def png(width: int, height: int) -> bytes:
    """A tiny file that unpacks to a black picture of any size."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        checksum = struct.pack(">I", zlib.crc32(kind + data))
        return struct.pack(">I", len(data)) + kind + data + checksum

    pack = zlib.compressobj(9)
    rows = b"".join(pack.compress(bytes(width + 1)) for _ in range(height)) + pack.flush()
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    parts = chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + parts


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in (folder / "backgrounds").iterdir())


@pytest.mark.parametrize(
    ("ending", "kind"), [("jpg", "image/jpeg"), ("png", "image/png"), ("webp", "image/webp")]
)
async def test_a_picture_is_kept_and_given_back(
    client: httpx.AsyncClient, tmp_path: Path, ending: str, kind: str
) -> None:
    body, url = picture(ending), f"/media/backgrounds/beach.{ending}"
    answer = await client.put(url, content=body)
    assert answer.status_code == 201
    assert answer.headers["location"] == url
    item = {"name": f"beach.{ending}", "url": url, "type": kind, "bytes": len(body)}
    item["uploaded"] = answer.json()["uploaded"]
    assert answer.json() == {**item, "width": 64, "height": 48}
    assert (await client.get("/media/backgrounds")).json() == {"items": [item]}
    got = await client.get(url)
    assert got.content == body
    assert got.headers["content-type"] == kind
    assert got.headers["x-content-type-options"] == "nosniff"
    assert files(tmp_path) == [f"beach.{ending}"]


@pytest.mark.parametrize(
    ("ending", "codec", "audio"),
    [("mp4", "libx264", "aac"), ("mp4", "libx264", None), ("webm", "libvpx", "libopus")],
)
async def test_a_film_is_kept(
    client: httpx.AsyncClient, tmp_path: Path, ending: str, codec: str, audio: str | None
) -> None:
    body = film(tmp_path / f"film.{ending}", codec, audio)
    answer = await client.put("/media/backgrounds/waves", content=body)
    assert answer.status_code == 201
    assert answer.json()["type"] == f"video/{ending}"
    part = await client.get("/media/backgrounds/waves", headers={"Range": "bytes=0-9"})
    assert (part.status_code, part.content) == (206, body[:10])


async def test_an_upload_replaces_another(client: httpx.AsyncClient) -> None:
    assert (await client.put(URL, content=picture("jpg"))).status_code == 201
    assert (await client.put(URL, content=picture("png"))).status_code == 200
    assert (await client.get(URL)).content == picture("png")


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 415),
        (b"GIF89a" + bytes(100), 415),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", 415),
        (b"#EXTM3U\nhttp://127.0.0.1:1/x.ts\n", 415),
        (picture("jpg")[:100], 422),
        (picture("png")[:60], 422),
        (b"\x89PNG\r\n\x1a\n" + bytes(1000), 422),
        (bytes(4) + b"ftypisom" + bytes(1000), 422),
        (b"\x1aE\xdf\xa3 webm" + bytes(1000), 422),
        (png(10_000, 5_000), 422),
        (b"\xff\xd8\xff" + bytes(media.AT_MOST), 413),
    ],
    ids=[
        "empty",
        "gif",
        "svg",
        "playlist",
        "cut jpeg",
        "cut png",
        "png",
        "mp4",
        "webm",
        "bomb",
        "20 MB",
    ],
)
async def test_a_refused_upload_leaves_the_old_file(
    client: httpx.AsyncClient, tmp_path: Path, body: bytes, status: int
) -> None:
    await client.put(URL, content=picture("jpg"))
    answer = await client.put(URL, content=body)
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["detail"]
    assert (await client.get(URL)).content == picture("jpg")
    assert files(tmp_path) == ["beach.jpg"]


def test_the_largest_picture_taken_has_40_megapixels(tmp_path: Path) -> None:
    path = tmp_path / "large"
    path.write_bytes(png(8_000, 4_999))
    assert inspect(path) == Contents("image/png", 8_000, 4_999)
    path.write_bytes(png(8_000, 5_001))
    with pytest.raises(Unusable, match="40 megapixels"):
        inspect(path)


@pytest.mark.parametrize(
    "name", [".hidden", "-x", "a b", "a%2fb", "..%2fx", "%2e%2e", "%ff", "a%00", "é", "x" * 81]
)
async def test_a_name_that_cannot_be_is_404(client: httpx.AsyncClient, name: str) -> None:
    answer = await client.put(f"/media/backgrounds/{name}", content=picture("jpg"))
    assert answer.status_code in {404, 405}, answer.text
    assert answer.headers["content-type"] == "application/problem+json"


async def test_an_unknown_kind_is_refused(client: httpx.AsyncClient) -> None:
    answer = await client.put("/media/secrets/x", content=picture("jpg"))
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"


async def test_a_file_is_deleted_once(client: httpx.AsyncClient) -> None:
    await client.put(URL, content=picture("jpg"))
    assert (await client.delete(URL)).status_code == 204
    assert (await client.delete(URL)).status_code == 404
    assert (await client.get(URL)).status_code == 404


async def test_one_file_too_many_is_507_but_replacing_goes_on(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(media, "MOST_FILES", 1)
    assert (await client.put(URL, content=picture("jpg"))).status_code == 201
    answer = await client.put("/media/backgrounds/two", content=picture("jpg"))
    assert answer.status_code == 507
    assert (await client.put(URL, content=picture("png"))).status_code == 200


async def test_an_upload_that_breaks_off_leaves_nothing(
    client: httpx.AsyncClient, tmp_path: Path
) -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield picture("jpg")[:500]
        raise ConnectionError

    with pytest.raises(ConnectionError):
        await client.put(URL, content=broken())
    assert (await client.put("/media/backgrounds/two", content=picture("jpg"))).status_code == 201
    assert (await client.get(URL)).status_code == 404
    assert "beach.jpg" not in files(tmp_path)
