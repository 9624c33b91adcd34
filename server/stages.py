"""Stages: every stage of this process by name, and their settings on disk."""

import asyncio
import logging
import re
from pathlib import Path

from pydantic import ValidationError

from omote.server.config import Config
from omote.server.orders import Invalid, Settings, validate_params
from omote.server.stage import Stage
from omote.server.workshop import Workshop

logger = logging.getLogger(__name__)

NAME = re.compile(r"[a-z0-9-]{1,40}")


class Stages:
    """Made on first use; settings survive a restart."""

    def __init__(self, config: Config) -> None:
        self.workshop = Workshop(config.loopback)
        self._folder = config.data / "stages"
        self._sources = config.sources
        self._stages: dict[str, Stage] = {}

    def __getitem__(self, name: str) -> Stage:
        """The stage, made if there is none yet; raises ValueError for an invalid name."""
        if not NAME.fullmatch(name):
            raise ValueError(f"{name!r} is no stage name: 1 to 40 of a-z, 0-9 and -")
        if name not in self._stages:
            self._stages[name] = Stage(
                name,
                self.workshop,
                kept_settings(self._file(name)),
                lambda settings: keep_settings(self._file(name), settings),
                self._sources.get(name),
            )
        return self._stages[name]

    def get(self, name: str) -> Stage | None:
        """The stage, if there is one."""
        return self._stages.get(name)

    def names(self) -> tuple[str, ...]:
        """Names of all stages, the oldest first."""
        return tuple(self._stages)

    def open_sources(self) -> None:
        """Make the stages that fetch their own pictures."""
        for name in self._sources:
            self[name]

    async def remove(self, name: str) -> None:
        """End a stage and forget its settings; unknown ones are ignored."""
        stage = self._stages.pop(name, None)
        if stage is not None:
            await stage.close()
            self._file(name).unlink(missing_ok=True)

    async def close(self) -> None:
        """End every stage, then what they share."""
        await asyncio.gather(*(stage.close() for stage in self._stages.values()))
        self._stages.clear()
        await self.workshop.close()

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
