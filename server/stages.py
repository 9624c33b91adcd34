"""Stages: every stage of this process by name, and their settings on disk."""

import asyncio
import logging
import re
from functools import partial

from omote.server.archive import Archive
from omote.server.bell import Bell
from omote.server.config import Config
from omote.server.depth_means import depth_means
from omote.server.orders import Invalid, Settings, settings_after
from omote.server.stage import Stage
from omote.server.workshop import Workshop

logger = logging.getLogger(__name__)

NAME = re.compile(r"[a-z0-9-]{1,40}")


class Stages:
    """Made on first use; settings survive a restart."""

    def __init__(self, config: Config) -> None:
        self.workshop = Workshop(
            config.loopback,
            depth_means(config),
            config.synthetic_label,
            config.ice_server,
        )
        self.bell = Bell()
        "Rings when a stage is made, removed or changed."
        self._archive = Archive(config.data / "stages")
        self._sources = config.sources
        self._orders = config.orders
        self._stages: dict[str, Stage] = {}

    def __getitem__(self, name: str) -> Stage:
        """The stage, made if there is none yet; raises ValueError for an invalid name."""
        if not NAME.fullmatch(name):
            raise ValueError(f"{name!r} is no stage name: 1 to 40 of a-z, 0-9 and -")
        if name not in self._stages:
            self._stages[name] = Stage(
                name,
                self.workshop,
                self._begun(name),
                partial(self._archive.keep, name),
                self._sources.get(name),
                Bell(self.bell),
            )
            self.bell.ring()
        return self._stages[name]

    def get(self, name: str) -> Stage | None:
        """The stage, if there is one."""
        return self._stages.get(name)

    def names(self) -> tuple[str, ...]:
        """Names of all stages, the oldest first."""
        return tuple(self._stages)

    def open_configured(self) -> None:
        """Make the stages that the configuration names."""
        for name in (*self._sources, *self._orders):
            assert self[name].name == name

    def _begun(self, name: str) -> Settings:
        """What is kept of a stage, and over it what the configuration orders."""
        kept, order = self._archive.read(name), self._orders.get(name)
        try:
            return settings_after(kept, order) if order else kept
        except Invalid as exc:
            logger.warning("what was ordered of stage %s before does not fit: %s", name, exc)
            return settings_after(Settings(), order or {})

    async def remove(self, name: str) -> None:
        """End a stage and forget its settings; unknown ones are ignored."""
        stage = self._stages.pop(name, None)
        if stage is not None:
            self.bell.ring()
            await stage.close()
            await self._archive.forget(name)

    async def close(self) -> None:
        """End every stage, then what they share."""
        await asyncio.gather(*(stage.close() for stage in self._stages.values()))
        self._stages.clear()
        await self._archive.written()
        await self.workshop.close()
