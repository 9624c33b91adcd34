"""Models run by ONNX Runtime on the CPU: the default backend."""

import hashlib
import logging
from collections.abc import Mapping
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from onnxruntime.capi import onnxruntime_pybind11_state as native

from omote.engines import weights
from omote.engines.model import Array, UnknownModel

logger = logging.getLogger(__name__)

_DTYPES: dict[str, np.dtype[Any]] = {
    "tensor(float)": np.dtype(np.float32),
    "tensor(float16)": np.dtype(np.float16),
    "tensor(double)": np.dtype(np.float64),
    "tensor(uint8)": np.dtype(np.uint8),
    "tensor(int32)": np.dtype(np.int32),
    "tensor(int64)": np.dtype(np.int64),
    "tensor(bool)": np.dtype(np.bool_),
}

# ONNX Runtime's own exceptions have no common ancestor but Exception.
_REFUSALS = (
    native.Fail,
    native.InvalidArgument,
    native.InvalidGraph,
    native.InvalidProtobuf,
    native.NotImplemented,
    native.RuntimeException,
)


class BrokenModel(Exception):
    """The weight file cannot be run; the message says what to do."""


def load(name: str) -> "OnnxModel":
    """Load a shipped weight file by its stem, or a user's own by its path ending in `.onnx`.

    Raises `UnknownModel` for another name, `BrokenModel` for a file that cannot be run.
    """
    if name.endswith(".onnx"):
        return OnnxModel(Path(name).expanduser())
    if name in weights.HASHES:
        return _shipped(name)
    shipped = ", ".join(weights.HASHES)
    raise UnknownModel(f"no model {name!r}; there are {shipped}, or give the path of an .onnx file")


class OnnxModel:
    """One ONNX file; computes in the caller's thread and releases the GIL meanwhile."""

    def __init__(self, path: Path, threads: int = 1) -> None:
        """Load and warm up; `threads` share the work of one call. Raises `BrokenModel`."""
        self._session = _session(path, threads)
        self._outputs = [output.name for output in self._session.get_outputs()]
        self.name = f"{path.stem}@onnx-{_backend(self._session)}"
        _warm_up(self._session, path)

    def zeros(self) -> dict[str, Array]:
        """Inputs of the shapes it takes, where these are free those of a small picture."""
        return _nothing(self._session)

    def __call__(self, inputs: Mapping[str, Array], /) -> dict[str, Array]:
        """Map named arrays to named arrays; shapes and ranges are the weight file's own."""
        results = self._session.run(self._outputs, dict(inputs))
        return dict(zip(self._outputs, results, strict=True))


def _shipped(name: str) -> OnnxModel:
    with as_file(files(weights) / f"{name}.onnx") as path:
        if not path.is_file():
            raise BrokenModel(f"{path} is missing: install omote again")
        if hashlib.sha256(path.read_bytes()).hexdigest() != weights.HASHES[name]:
            raise BrokenModel(f"{path} is not the file that was shipped: install omote again")
        return OnnxModel(path)


def _session(path: Path, threads: int) -> onnxruntime.InferenceSession:
    if not path.is_file():
        raise BrokenModel(f"no weight file at {path}: check the path")
    try:
        return onnxruntime.InferenceSession(
            path, _options(threads), providers=["CPUExecutionProvider"]
        )
    except _REFUSALS as exc:
        raise BrokenModel(f"{path} is no ONNX file that can be run, get it again: {exc}") from exc


def _options(threads: int) -> onnxruntime.SessionOptions:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    # Threads that spin while they wait would burn the cores that encode.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return options


def _backend(session: onnxruntime.InferenceSession) -> str:
    # What the session got; the providers available in the package say nothing about it.
    provider: str = session.get_providers()[0]
    return provider.removesuffix("ExecutionProvider").lower()


def _warm_up(session: onnxruntime.InferenceSession, path: Path) -> None:
    arguments = session.get_inputs()
    try:
        session.run(None, _nothing(session))
    except (KeyError, *_REFUSALS) as exc:
        if all(isinstance(size, int) for argument in arguments for size in argument.shape):
            raise BrokenModel(f"{path} loads but does not run: {exc}") from exc
        # Free sizes may depend on one another in ways only the file's user knows.
        logger.warning("%s could not be warmed up, its first call will be slow: %s", path, exc)


def _nothing(session: onnxruntime.InferenceSession) -> dict[str, Array]:
    return {argument.name: _zeros(argument) for argument in session.get_inputs()}


def _zeros(argument: onnxruntime.NodeArg) -> Array:
    """Zeros of the argument's shape; a free batch is 1, free height and width are 256."""
    planes = argument.shape[-1:] != [3]  # or pixels, whose three values lie side by side
    pictures = (1, 3, 256, 256) if planes else (1, 256, 256, 3)
    guesses = pictures if len(argument.shape) == 4 else (1,) * len(argument.shape)
    sizes = zip(argument.shape, guesses, strict=True)
    shape = tuple(size if isinstance(size, int) else guess for size, guess in sizes)
    return np.zeros(shape, _DTYPES[argument.type])
