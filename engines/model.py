"""Model: a stateless function from arrays to arrays, loaded once and shared by every stage."""

import threading
from collections import defaultdict
from collections.abc import Callable, Mapping
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Floats = NDArray[np.float32]


class Model(Protocol):
    """Stateless, thread-safe, warmed up before anybody gets hold of it."""

    name: str
    "The weight file and where it runs, such as `selfie_square@onnx-cpu`."

    def __call__(self, inputs: Mapping[str, Array], /) -> dict[str, Array]:
        """Map named arrays to named arrays; shapes and ranges are the weight file's own."""


class UnknownModel(Exception):
    """No weight file of that name; the message says which there are."""


class Models:
    """Loads each model on first use and keeps it."""

    def __init__(self, load: Callable[[str], Model]) -> None:
        self._load = load
        self._loaded: dict[str, Model] = {}
        self._locks: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)

    def __getitem__(self, name: str) -> Model:
        """The model of a shipped weight file's stem or of a path to a user's own file."""
        # One lock for each: while a large one loads beside the stream, no frame waits for it.
        with self._locks[name]:
            if name not in self._loaded:
                self._loaded[name] = self._load(name)
            return self._loaded[name]


class Taken(Models):
    """Models as one effect sees them: the same ones, and a note of which it has taken."""

    def __init__(self, models: Models) -> None:
        super().__init__(models.__getitem__)

    def names(self) -> list[str]:
        """Of what it took, with the backend each runs on; never waits for one that loads."""
        return [model.name for model in tuple(self._loaded.values())]
