"""`omote` as it is typed: a process, its exit code and what it prints."""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PATIENCE_S = 60


@dataclass(frozen=True, slots=True)
class Done:
    code: int
    output: str
    errors: str

    @property
    def json(self) -> Any:
        """Standard output, which holds JSON and nothing else."""
        return json.loads(self.output)


@asynccontextmanager
async def started(
    *arguments: object, **environment: str
) -> AsyncIterator[asyncio.subprocess.Process]:
    """A running `omote`; killed if it still runs at the end."""
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        Path(sys.executable).with_name("omote"),
        *map(str, arguments),
        stdin=pipe,
        stdout=pipe,
        stderr=pipe,
        env={**os.environ, "PYTHONUNBUFFERED": "1", **environment},
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def ended(process: asyncio.subprocess.Process, given: bytes | None = None) -> Done:
    async with asyncio.timeout(PATIENCE_S):
        output, errors = await process.communicate(given)
    assert process.returncode is not None
    return Done(process.returncode, output.decode(), errors.decode())


async def omote(*arguments: object, given: str | None = None, **environment: str) -> Done:
    """Run it to its end."""
    async with started(*arguments, **environment) as process:
        return await ended(process, None if given is None else given.encode())


async def said(process: asyncio.subprocess.Process, words: str) -> None:
    """Wait until it says this on standard error."""
    assert process.stderr is not None
    heard = ""
    async with asyncio.timeout(PATIENCE_S):
        while words not in heard:
            line = await process.stderr.readline()
            assert line, f"it ended without saying {words!r}: {heard}"
            heard += line.decode()
