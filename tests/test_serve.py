"""`omote serve` as a process: where it listens, what it refuses, and how it ends."""

import asyncio
import os
import re
import signal
import socket
import ssl
import stat
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest

from omote.server.certificate import self_signed
from tests.peers import client

SECRET = "0123456789abcdef"
PATIENCE_S = 60


class Omote:
    """A running `omote serve`."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.errors = b""

    async def address(self) -> str:
        """Wait for the line that says where it is."""
        assert self.process.stderr
        async with asyncio.timeout(PATIENCE_S):
            while line := await self.process.stderr.readline():
                self.errors += line
                if found := re.search(rb"Omote is at (\S+)", line):
                    return found[1].decode()
        raise AssertionError(self.errors.decode())

    async def end(self, number: signal.Signals | None = None) -> tuple[int, str, str]:
        """Exit code, standard output and standard error once it is over."""
        if number is not None:
            self.process.send_signal(number)
        async with asyncio.timeout(PATIENCE_S):
            output, errors = await self.process.communicate()
        assert self.process.returncode is not None
        return self.process.returncode, output.decode(), (self.errors + errors).decode()


@asynccontextmanager
async def omote(*arguments: str, **environment: str) -> AsyncIterator[Omote]:
    command = Path(sys.executable).with_name("omote")
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        command,
        "serve",
        *arguments,
        stdout=pipe,
        stderr=pipe,
        env={**os.environ, "OMOTE_MQTT": "off", **environment},
    )
    try:
        yield Omote(process)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def test_it_hangs_up_on_everybody_before_it_ends(tmp_path: Path) -> None:
    (tmp_path / "stages").mkdir()
    (tmp_path / "stages" / "desk.json").write_text('{"effects": []}')
    async with omote("--port", "0", "--data", str(tmp_path)) as server:
        url = await server.address()
        async with (
            httpx.AsyncClient(base_url=url, trust_env=False) as http,
            client(http) as publisher,
            client(http) as viewer,
        ):
            await publisher.publish()
            await viewer.watch()
            await viewer.sees_the_camera()
            code, _, errors = await server.end(signal.SIGTERM)
            await viewer.until("closed")
            await publisher.until("closed")
    assert code == 0
    assert "Traceback" not in errors and "Exception" not in errors, errors


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_it_says_where_it_is_and_ends_in_peace(number: signal.Signals) -> None:
    async with omote("--port", "0", "--ephemeral") as server:
        url = await server.address()
        async with httpx.AsyncClient(base_url=url, trust_env=False) as client:
            assert (await client.get("/health")).json()["status"] == "ok"
            assert (await client.put("/stages/desk")).status_code == 201
        code, output, errors = await server.end(number)
    assert (code, output) == (0, "")
    assert "Traceback" not in errors


async def test_a_taken_port_is_one_clear_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        async with omote("--port", str(port), "--ephemeral") as server:
            code, output, errors = await server.end()
    assert (code, output) == (1, "")
    assert errors == f"omote: port {port} is taken; pass --port N, 0 takes a free one\n"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--host", "0.0.0.0"], "OMOTE_TOKENS"),
        (["--host", "::"], "OMOTE_TOKENS"),
        (["--host", "198.51.100.1", "--tokens", "GOOD"], "cannot listen on 198.51.100.1"),
        (["--tokens", "missing"], "--tokens missing"),
        (["--tokens", "BAD"], "token 1"),
        (["--tls-cert", "missing"], "--tls-key"),
        (["--tls-cert", "missing", "--tls-key", "missing"], "--tls-cert missing"),
        (["--source", "desk"], "NAME=URL"),
        (["--source", "No Name=file.mp4"], "NAME=URL"),
        (["--source", "desk=missing.mp4"], "missing.mp4"),
        (["--source", "desk=gopher://x"], "gopher"),
    ],
)
async def test_what_cannot_run_is_refused_in_one_line(
    tmp_path: Path, arguments: list[str], words: str
) -> None:
    good, bad = tmp_path / "good", tmp_path / "bad"
    good.write_text(f"{SECRET}:admin\n")
    bad.write_text("no token\n")
    names = {"GOOD": str(good), "BAD": str(bad)}
    given = [names.get(word, word) for word in arguments]
    async with omote("--port", "0", "--ephemeral", *given, OMOTE_TOKENS="") as server:
        code, output, errors = await server.end()
    assert (code, output) == (1, "")
    assert errors.startswith("omote: ")
    assert errors.count("\n") == 1
    assert words in errors


async def test_ephemeral_and_data_exclude_each_other(tmp_path: Path) -> None:
    async with omote("--ephemeral", "--data", str(tmp_path)) as server:
        code, _, errors = await server.end()
    assert code == 1
    assert "--data" in errors


async def test_tokens_open_every_address() -> None:
    async with omote(
        "--host", "0.0.0.0", "--port", "0", "--ephemeral", OMOTE_TOKENS=f"{SECRET}:admin"
    ) as server:
        port = httpx.URL(await server.address()).port
        async with httpx.AsyncClient(
            base_url=f"http://127.0.0.1:{port}", trust_env=False
        ) as client:
            assert (await client.get("/stages")).status_code == 401
            headers = {"Authorization": f"Bearer {SECRET}"}
            assert (await client.get("/stages", headers=headers)).status_code == 200
        code, _, errors = await server.end(signal.SIGTERM)
    assert code == 0
    assert SECRET not in errors


async def test_settings_and_uploads_survive_a_restart(tmp_path: Path) -> None:
    png = bytes.fromhex(
        "89504e470d0a1a0a0000000d4948445200000001000000010802000000907753de"
        "0000000c4944415408d763f8cfc000000301010018dd8db00000000049454e44ae426082"
    )
    for round in range(2):
        async with omote("--port", "0", "--data", str(tmp_path)) as server:
            url = await server.address()
            async with httpx.AsyncClient(base_url=url, trust_env=False) as client:
                if round == 0:
                    await client.put("/stages/desk")
                    order = {"stage": {"mirror": True}}
                    answer = await client.patch("/stages/desk", json=order)
                    assert answer.status_code == 200, answer.text
                    answer = await client.put("/media/backgrounds/dot.png", content=png)
                    assert answer.status_code == 201, answer.text
                else:
                    await client.put("/stages/desk")
                    state = (await client.get("/stages/desk")).json()["state"]
                    assert state["stage"]["mirror"] is True
                    assert (await client.get("/media/backgrounds/dot.png")).content == png
            await server.end(signal.SIGTERM)


async def test_ephemeral_leaves_nothing(tmp_path: Path) -> None:
    async with omote("--port", "0", "--ephemeral", TMPDIR=str(tmp_path)) as server:
        url = await server.address()
        async with httpx.AsyncClient(base_url=url, trust_env=False) as client:
            await client.put("/stages/desk")
            await client.patch("/stages/desk", json={"stage": {"mirror": True}})
        assert os.listdir(tmp_path)
        await server.end(signal.SIGTERM)
    assert not os.listdir(tmp_path)


async def test_https_with_a_certificate_of_our_own(tmp_path: Path) -> None:
    async with omote("--port", "0", "--data", str(tmp_path), "--tls", "self-signed") as server:
        url = await server.address()
        assert url.startswith("https://127.0.0.1:")
        trust = ssl.create_default_context(cafile=str(tmp_path / "tls" / "certificate.pem"))
        async with httpx.AsyncClient(base_url=url, verify=trust, trust_env=False) as client:
            assert (await client.get("/health")).status_code == 200
        code, _, errors = await server.end(signal.SIGTERM)
    assert code == 0
    assert "Traceback" not in errors


def test_a_certificate_is_used_again_until_its_names_change(tmp_path: Path) -> None:
    tls = self_signed(tmp_path, "127.0.0.1")
    first = tls.certificate.read_bytes()
    assert stat.S_IMODE(tls.key.stat().st_mode) == 0o600
    assert self_signed(tmp_path, "127.0.0.1").certificate.read_bytes() == first
    assert self_signed(tmp_path, "192.0.2.7").certificate.read_bytes() != first
    tls.certificate.write_text("not a certificate")
    ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(*_paths(tmp_path))


def _paths(folder: Path) -> tuple[Path, Path]:
    tls = self_signed(folder, "127.0.0.1")
    return tls.certificate, tls.key
