"""Broker: the embedded MQTT broker, from the server's side.

It is a child process, so that a flood of messages takes no time from media, on the loopback address.
We own its listening socket: the port stays the same when the process is started again.
"""

import asyncio
import errno
import logging
import socket
import sys
import time
from collections.abc import Sequence
from hashlib import sha256
from secrets import token_urlsafe
from types import TracebackType
from typing import Self

from omote.server.broker_address import BrokerAddress
from omote.server.door import Door
from omote.server.tokens import Token

logger = logging.getLogger(__name__)

PORT = 1883
PATIENCE_S = 2.0
"Seconds that the process may take to end."
PAUSE_S = 1.0
"Before it is started again; twice as long each time while it ends soon after."
LONGEST_PAUSE_S = 60.0


class Broker:
    """Runs for as long as the block does; a process that ends is started again."""

    def __init__(self, tokens: Sequence[Token] = ()) -> None:
        """With tokens, clients give one that opens `control` everywhere as their password."""
        secret = token_urlsafe(24)
        own = sha256(secret.encode()).hexdigest()
        self._door = Door(_digests(tokens), own, is_open=not tokens)
        self._listener = _listening()
        self.process: asyncio.subprocess.Process | None = None
        port = self._listener.getsockname()[1]
        self.address = BrokerAddress("127.0.0.1", port, "omote", secret)
        "How the server itself gets in."
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        """Begin; nobody waits until it is up."""
        self._task = asyncio.create_task(self._keep_running(), name="broker")
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        exc: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End the process and give the port back."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        self._listener.close()

    async def _keep_running(self) -> None:
        pause = PAUSE_S
        while True:
            began = time.monotonic()
            code = await self._run()
            if time.monotonic() - began > LONGEST_PAUSE_S:
                pause = PAUSE_S
            logger.error("the embedded mqtt broker ended with code %s; starting it again", code)
            await asyncio.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE_S)

    async def _run(self) -> int:
        number = self._listener.fileno()
        # A session of its own keeps Ctrl-C in a terminal from it: it ends when we have said goodbye.
        self.process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "omote.server.embedded", str(number)),
            stdin=asyncio.subprocess.PIPE,
            pass_fds=[number],
            start_new_session=True,
        )
        try:
            assert self.process.stdin is not None
            self.process.stdin.write(self._door.line().encode())
            return await self.process.wait()
        finally:
            await _end(self.process)


async def _end(process: asyncio.subprocess.Process) -> None:
    """Closing its standard input tells it to end; it is given a moment."""
    if process.returncode is not None:
        return
    assert process.stdin is not None
    process.stdin.close()
    try:
        async with asyncio.timeout(PATIENCE_S):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()


def _listening() -> socket.socket:
    """On the usual port, or on a free one if that is taken."""
    try:
        return socket.create_server(("127.0.0.1", PORT))
    except OSError as exc:
        if exc.errno != errno.EADDRINUSE:
            raise
    logger.info("port %d is taken, the embedded mqtt broker takes another", PORT)
    return socket.create_server(("127.0.0.1", 0))


def _digests(tokens: Sequence[Token]) -> list[str]:
    return [token.digest.hex() for token in tokens if token.allows("control", None)]
