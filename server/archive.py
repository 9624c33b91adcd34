"""Archive: the settings of every stage on disk, so that they survive a restart."""

import asyncio
import logging
from pathlib import Path

from pydantic import ValidationError

from omote.server.orders import Invalid, Settings, validate_params

logger = logging.getLogger(__name__)

PAUSE_S = 0.1
"Between two writes: a hand on a slider does not keep the disk busy."


class Archive:
    """Writes in a thread, one file at a time; of settings that wait only the newest are written."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._waiting: dict[str, Settings] = {}
        self._writing: asyncio.Task[None] | None = None

    def read(self, name: str) -> Settings:
        """What was ordered before; a file that no longer fits is set aside, not lost."""
        return kept_settings(self._file(name))

    def keep(self, name: str, settings: Settings) -> None:
        """Write soon; never waits."""
        self._waiting[name] = settings
        if self._writing is None or self._writing.done():
            self._writing = asyncio.create_task(self._write(), name="archive")

    async def forget(self, name: str) -> None:
        """Remove a stage's settings, whether or not they are written yet."""
        self._waiting.pop(name, None)
        await self.written()
        self._file(name).unlink(missing_ok=True)

    async def written(self) -> None:
        """Wait until nothing waits to be written."""
        if self._writing is not None:
            await asyncio.shield(self._writing)

    async def _write(self) -> None:
        while self._waiting:
            name, settings = self._waiting.popitem()
            await asyncio.to_thread(keep_settings, self._file(name), settings)
            await asyncio.sleep(PAUSE_S)

    def _file(self, name: str) -> Path:
        return self._folder / f"{name}.json"


def kept_settings(file: Path) -> Settings:
    """What was ordered before; a file that no longer fits is set aside, not lost."""
    try:
        settings = Settings.model_validate_json(file.read_bytes())
        validate_params(settings.effects, settings.params)
    except FileNotFoundError:
        return Settings()
    except OSError as exc:
        logger.error("settings cannot be read: %s", exc)
        return Settings()
    except (ValidationError, Invalid) as exc:
        aside = file.with_suffix(".refused.json")
        file.rename(aside)
        logger.warning("settings in %s do not fit and were moved to %s: %s", file, aside.name, exc)
        return Settings()
    return settings


def keep_settings(file: Path, settings: Settings) -> None:
    """Write whole or not at all; what cannot be written holds until the process ends."""
    new = file.with_suffix(".new")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        new.write_text(settings.model_dump_json(exclude_defaults=True))
        new.replace(file)
    except OSError as exc:
        logger.error("settings could not be kept: %s", exc)
