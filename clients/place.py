"""Place: a stage on a server, and the short ways to write it.

desk                               that stage of the server of --url
http://host:8080/desk              that stage of that server
http://host:8080/?stage=desk       the page's own address; without `stage` it is `live`
http://host:8080/whip/desk         where one publishes, or with /whep/ watches
"""

import re
from dataclasses import dataclass
from typing import Self
from urllib.parse import parse_qs, urlsplit

from omote.clients.mistake import Mistake

SERVER = "http://127.0.0.1:8080"
"Where `omote serve` is unless told otherwise."
PAGE_STAGE = "live"
"The stage of the page, where its address names none."
ENDPOINTS = ("whip", "whep", "stages")
STAGE = re.compile(r"[a-z0-9-]{1,40}")


class NoPlace(Mistake):
    """It does not say where; the message says how to write it."""


@dataclass(frozen=True, slots=True)
class Place:
    """One stage of one server."""

    server: str
    "URL without a slash at its end."
    stage: str

    @property
    def whip(self) -> str:
        """Where to publish."""
        return f"{self.server}/whip/{self.stage}"

    @property
    def whep(self) -> str:
        """Where to watch."""
        return f"{self.server}/whep/{self.stage}"

    @property
    def itself(self) -> str:
        """Where its state is, and where orders go."""
        return f"{self.server}/stages/{self.stage}"

    @classmethod
    def read(cls, words: str, server: str = SERVER) -> Self:
        """A stage's name, on `server`, or a URL; raises `NoPlace`."""
        if "://" not in words:
            return cls(_server(server), _stage(words))
        parts = urlsplit(_server(words))
        *before, last = parts.path.strip("/").split("/")
        if not last:
            last = parse_qs(parts.query).get("stage", [PAGE_STAGE])[0]
        if before and before[-1] in ENDPOINTS:
            before.pop()
        origin = f"{parts.scheme}://{parts.netloc}"
        return cls("/".join([origin, *before]), _stage(last))


def _stage(name: str) -> str:
    if not STAGE.fullmatch(name):
        raise NoPlace(
            f"{name!r} is no stage: write a name of 1 to 40 of a-z 0-9 -,"
            f" or a URL such as {SERVER}/desk"
        )
    return name


def _server(url: str) -> str:
    try:
        parts = urlsplit(url)
        valid = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        valid = False
    if not valid:
        raise NoPlace(f"{url!r} is no server: write a URL such as {SERVER}")
    return url.rstrip("/")
