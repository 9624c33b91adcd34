"""Modes: the ways in which a face can be shown, by name. Another one is a line in both lists."""

from collections.abc import Callable, Mapping
from typing import Literal

from omote.engines.puppet.mesh_puppet import Animated
from omote.engines.puppet.network import networked
from omote.engines.puppet.performance import Casting, Performance
from omote.engines.puppet.worn import Worn

Mode = Literal["mesh", "wear", "network"]
MODES: Mapping[Mode, Callable[[Casting], Performance]] = {
    "mesh": Animated,
    "wear": Worn,
    "network": networked,
}
