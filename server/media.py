"""Media: files people upload for effects to use, `/media/{kind}/{name}`.

A file is written beside the others under a hidden name, looked into, and only then takes its own
name in one step: whoever reads it sees the old file or the new one, and a refused upload changes
nothing. Effects find it as `{data}/{kind}/{name}`.
"""

import asyncio
import logging
import os
import re
import tempfile
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO, Literal

from fastapi import APIRouter, Request, Response
from fastapi.responses import FileResponse, JSONResponse

from omote.engines.puppet import album
from omote.server.body import chunks
from omote.server.contents import Unusable, accepted, inspect, media_type
from omote.server.problems import Problem
from omote.server.tokens import Gate, Scope

logger = logging.getLogger(__name__)

AT_MOST = 20_000_000  # bytes of one file
MOST_FILES = 100  # of one kind
Kind = Literal["backgrounds", "faces"]
MAY_CHANGE: dict[Kind, Scope] = {"backgrounds": "control", "faces": "admin"}
"Whose token is needed to upload or delete: a face is somebody's."
MAY_SEE: dict[Kind, tuple[Scope, ...]] = {"backgrounds": (), "faces": ("control",)}
README = "README.md"
FACES_README = f"""# Faces

Photographs (JPEG, PNG, WebP) and short clips (MP4, WebM) of faces that Omote's puppets wear. What you
put here can be chosen at once, as what is uploaded can.

- At most {AT_MOST // 1_000_000} MB and 40 megapixels a file, {MOST_FILES} files; names of 1 to 80 of
  A-Z a-z 0-9 . _ -, a letter or digit first.
- Where tokens are in use, only an `admin` token uploads and deletes (`PUT` and `DELETE
  /media/faces/NAME`, or the page), and only `control` sees them. `GET /media/faces` lists them with
  the time of their upload. Deleting a file here does the same.
- A face is somebody's: ask before you use it. Pictures made with it are marked `synthetic`.
"""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}")


class Store:
    """The files of one kind, in one folder that is made when it is first needed."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def names(self) -> list[str]:
        """Names of all files, sorted; also of those that somebody put into the folder."""
        if not self._folder.is_dir():
            return []
        found = (path for path in self._folder.iterdir() if _NAME.fullmatch(path.name))
        return sorted(path.name for path in found if path.is_file() and path.name != README)

    def introduce(self, words: str) -> None:
        """Make the folder, with a note for whoever looks into it."""
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            (self._folder / README).write_text(words)
        except OSError as exc:
            logger.warning("%s: %s", self._folder, exc.strerror)

    def find(self, name: str) -> Path:
        """Path of a file; raises a 404 `Problem`."""
        path = self._path(name)
        if not path.is_file() or name == README:
            raise Problem(404, "no such file")
        return path

    def remove(self, name: str) -> None:
        """Delete a file; raises a 404 `Problem`."""
        path = self.find(name)
        path.unlink(missing_ok=True)
        album.forget(path)

    async def save(self, name: str, body: AsyncIterator[bytes]) -> tuple[dict[str, Any], bool]:
        """Keep a file; returns what it is and whether its name is new. Raises `Problem`."""
        path = self._path(name)
        if name == README:
            raise Problem(409, f"{README} is the folder's own")
        self._check_room(name)
        hidden, file = await asyncio.to_thread(self._hidden)
        try:
            with file:
                async for chunk in body:
                    await asyncio.to_thread(file.write, chunk)
            contents = await asyncio.to_thread(inspect, hidden)
            new = not path.exists()
            self._check_room(name)  # others may have been quicker
            hidden.replace(path)
            album.forget(path)  # what was learnt is of the old one
        except Unusable as exc:
            raise Problem(exc.status, str(exc)) from exc
        finally:
            hidden.unlink(missing_ok=True)
        size = {"width": contents.width, "height": contents.height}
        return {**described(path), **size}, new

    def _path(self, name: str) -> Path:
        if not _NAME.fullmatch(name):
            raise Problem(404, "names are 1 to 80 of A-Z a-z 0-9 . _ -, a letter or digit first")
        return self._folder / name

    def _check_room(self, name: str) -> None:
        names = self.names()
        if name not in names and len(names) >= MOST_FILES:
            raise Problem(507, f"there are {MOST_FILES} files already; delete one first")

    def _hidden(self) -> tuple[Path, BinaryIO]:
        self._folder.mkdir(parents=True, exist_ok=True)
        handle, hidden = tempfile.mkstemp(prefix=".upload-", dir=self._folder)
        return Path(hidden), os.fdopen(handle, "wb")


def described(path: Path) -> dict[str, Any]:
    """A stored file as the list shows it."""
    kind, stat = path.parent.name, path.stat()
    return {
        "name": path.name,
        "url": f"/media/{kind}/{path.name}",
        "type": media_type(path),
        "bytes": stat.st_size,
        "uploaded": datetime.fromtimestamp(stat.st_mtime, UTC).isoformat(timespec="seconds"),
    }


class Media:
    """`/media/{kind}` and `/media/{kind}/{name}`."""

    def __init__(self, data: Path, gate: Gate) -> None:
        self._stores: dict[Kind, Store] = {kind: Store(data / kind) for kind in MAY_CHANGE}
        self._gate = gate
        self._stores["faces"].introduce(FACES_README)

    async def list(self, kind: Kind, request: Request) -> dict[str, Any]:
        """Every file of a kind, with the time of its upload."""
        self._gate.check_any(request, *MAY_SEE[kind])
        store = self._stores[kind]
        return {"items": [described(store.find(name)) for name in store.names()]}

    async def get(self, kind: Kind, name: str, request: Request) -> Response:
        """One file, as it was sent."""
        self._gate.check_any(request, *MAY_SEE[kind])
        path = self._stores[kind].find(name)
        return FileResponse(path, media_type=media_type(path), headers=_CACHE)

    async def put(self, kind: Kind, name: str, request: Request) -> Response:
        """Upload a picture or a film; 201, or 200 when it replaces another."""
        self._gate.check(request, MAY_CHANGE[kind])
        body = chunks(request, AT_MOST)
        saved, new = await self._stores[kind].save(name, body)
        logger.info("%s %s %s", kind, name, "uploaded" if new else "replaced")
        return JSONResponse(saved, 201 if new else 200, {"Location": saved["url"]})

    async def delete(self, kind: Kind, name: str, request: Request) -> Response:
        """Delete one file."""
        self._gate.check(request, MAY_CHANGE[kind])
        self._stores[kind].remove(name)
        return Response(status_code=204)

    def routes(self) -> APIRouter:
        """The explicit list."""
        router = APIRouter(prefix="/media", tags=["media"])
        content = {kind: {"schema": {"type": "string", "format": "binary"}} for kind in accepted()}
        takes = {"requestBody": {"required": True, "content": content}}
        router.add_api_route("/{kind}", self.list)
        router.add_api_route("/{kind}/{name}", self.get, response_class=FileResponse)
        router.add_api_route("/{kind}/{name}", self.put, methods=["PUT"], openapi_extra=takes)
        router.add_api_route("/{kind}/{name}", self.delete, methods=["DELETE"], status_code=204)
        return router


_CACHE = {"Cache-Control": "no-cache"}
