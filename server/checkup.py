"""Checkup: what is on this machine, without measuring anything."""

import os
import platform
import re
import socket
import ssl
import sys
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from tempfile import TemporaryDirectory

import onnxruntime

from omote.server.broker import PORT
from omote.server.broker_address import BrokerAddress
from omote.server.certificate import self_signed
from omote.server.config import Misconfigured
from omote.server.finding import Finding
from omote.server.options import Options

LEAST_FILES = 1024
"Open files; every session takes a few."
PATIENCE_S = 2.0
"A broker that does not answer within this time is not reachable."
VIDEO = Path("/sys/class/video4linux")


def findings(options: Options) -> Iterator[Finding]:
    """Everything, in an order that reads well."""
    yield _python()
    yield from _packages()
    yield _providers()
    yield _gpu()
    yield from _cameras()
    yield from _ports(options)
    yield _broker(options)
    yield _tls(options)
    yield from _limits()


def _python() -> Finding:
    words = f"{platform.python_version()} on {platform.platform()}"
    right = sys.version_info >= (3, 11)
    return Finding(
        "python", "works" if right else "wrong", words + ("" if right else ", needs 3.11")
    )


def _packages() -> Iterator[Finding]:
    """What Omote was built upon, and what only its extras need."""
    found: dict[str, str] = {}
    absent: dict[str, str] = {}
    for requirement in requires("omote") or ():
        name = re.split(r"[^\w.-]", requirement, maxsplit=1)[0]
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            absent[name] = requirement
    words = ", ".join(f"{name} {number}" for name, number in found.items())
    yield Finding("packages", "works", words, found)
    for name, requirement in absent.items():
        if extra := requirement.partition("extra == ")[2].strip("\"' "):
            how = f"not installed; only the extra `{extra}` needs it: pip install 'omote[{extra}]'"
            yield Finding(name, "missing", how)
        elif "win32" not in requirement or sys.platform != "win32":
            yield Finding(name, "wrong", "not installed, Omote needs it: install omote again")


def _providers() -> Finding:
    providers = onnxruntime.get_available_providers()
    used = [name for name in providers if name == "CPUExecutionProvider"]
    words = f"{onnxruntime.__version__}, has {', '.join(providers)}; Omote uses the CPU's"
    return Finding("onnxruntime", "works" if used else "wrong", words, {"providers": providers})


def _gpu() -> Finding:
    if not Path("/dev/nvidiactl").exists():
        return Finding(
            "gpu", "missing", "no NVIDIA device (/dev/nvidiactl); everything runs on the CPU"
        )
    return Finding("gpu", "missing", "there is one, but nothing of this version runs on it")


def _cameras() -> Iterator[Finding]:
    devices = sorted(VIDEO.iterdir()) if VIDEO.is_dir() else []
    virtual = [x for x in devices if "virtual" in str(x.resolve())]
    real = [x for x in devices if x not in virtual]
    yield _named("cameras", real, "no V4L2 device; a browser's camera and files need none")
    yield _named("virtual camera", virtual, "none; `modprobe v4l2loopback` makes one")


def _named(name: str, devices: list[Path], none: str) -> Finding:
    if not devices:
        return Finding(name, "missing", none)
    words = [f"/dev/{x.name} ({_text(x / 'name')}{_locked(x.name)})" for x in devices]
    return Finding(name, "works", ", ".join(words))


def _text(file: Path) -> str:
    try:
        return file.read_text().strip()
    except OSError:
        return "nameless"


def _locked(device: str) -> str:
    readable = os.access(f"/dev/{device}", os.R_OK | os.W_OK)
    return "" if readable else ", not ours to open: join the group `video`"


def _ports(options: Options) -> Iterator[Finding]:
    for name, port in (("http port", options.port), ("mqtt port", PORT)):
        try:
            with socket.create_server(("127.0.0.1", port)):
                yield Finding(name, "works", f"{port} is free on the loopback address")
        except OSError as exc:
            words = f"{port}: {exc.strerror}; another Omote? --port takes another one"
            elsewhere = "the broker of our own then takes a free one"
            words = words if name == "http port" else f"{port}: {exc.strerror}; {elsewhere}"
            yield Finding(name, "missing", words)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as media:
        media.bind(("127.0.0.1", 0))
        yield Finding("media port", "works", "UDP on the loopback address can be had")


def _broker(options: Options) -> Finding:
    if options.mqtt in ("embedded", "off"):
        own = "its own, started with the server" if options.mqtt == "embedded" else "none is wanted"
        return Finding("mqtt broker", "works", own)
    try:
        address = BrokerAddress.read(
            options.mqtt, options.mqtt_ca, options.mqtt_cert, options.mqtt_key
        )
        with socket.create_connection((address.host, address.port), PATIENCE_S):
            return Finding("mqtt broker", "works", f"{address} answers")
    except Misconfigured as exc:
        return Finding("mqtt broker", "wrong", str(exc))
    except OSError as exc:
        words = f"{address}: {exc.strerror or exc}; the server works on without it"
        return Finding("mqtt broker", "wrong", words)


def _tls(options: Options) -> Finding:
    with TemporaryDirectory(prefix="omote-") as folder:
        made = self_signed(Path(folder), options.host)
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(made.certificate, made.key)
    used = "used" if options.tls != "off" or options.tls_cert else "not used: fine on this machine"
    words = f"{ssl.OPENSSL_VERSION}; a certificate of our own can be made; {used},"
    return Finding("tls", "works", f"{words} from others browsers give cameras to https only")


def _limits() -> Iterator[Finding]:
    if sys.platform == "win32":
        return
    import resource  # not to be had on Windows

    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    enough = soft < 0 or soft >= LEAST_FILES
    words = f"{soft} open files" + ("" if enough else f"; `ulimit -n {4 * LEAST_FILES}` before")
    yield Finding("open files", "works" if enough else "wrong", words, {"open_files": soft})
