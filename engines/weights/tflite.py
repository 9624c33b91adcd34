"""A TFLite file as its operations and constants; needs the extra `weights`."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from omote.engines.model import Array

_DTYPES = {
    schema.TensorType.FLOAT32: np.float32,
    schema.TensorType.FLOAT16: np.float16,
    schema.TensorType.INT32: np.int32,
}
_KINDS: dict[int, str] = {
    code: kind for kind, code in vars(schema.BuiltinOperator).items() if isinstance(code, int)
}


@dataclass(frozen=True, slots=True)
class Operation:
    """One step of a network; tensors are numbered."""

    kind: str
    "TFLite's name of it, or the custom operation's own."
    inputs: tuple[int, ...]
    output: int
    strides: tuple[int, int]
    "(1, 1) where it has none."
    rectified: bool = False
    "Whether negative results become 0."
    axis: int = 0
    "Of a concatenation."
    begun: int = 0
    "Of a slice: axes (bits) that are taken from their beginning."
    open: int = 0
    "Of a slice: axes that are taken to their end."
    shrunk: int = 0
    "Of a slice: axes of which one position is taken, and which then go."


@dataclass(frozen=True, slots=True)
class Network:
    """Operations in the order in which they run, half-precision weights already widened."""

    operations: tuple[Operation, ...]
    constants: dict[int, Array]
    shapes: dict[int, tuple[int, ...]]
    picture: int
    "The only input's number, shape (1, H, W, 3)."
    results: tuple[int, ...]
    "The outputs' numbers."


class UnknownOperation(Exception):
    """The network does something the conversion does not know."""


def read(path: Path) -> Network:
    """Read a float network with one input."""
    model = schema.ModelT.InitFromObj(schema.Model.GetRootAs(path.read_bytes(), 0))
    graph = model.subgraphs[0]
    operations = [_operation(model, operator) for operator in graph.operators]
    constants = _constants(model)
    _widen(operations, constants)
    return Network(
        tuple(operation for operation in operations if operation.kind != "DEQUANTIZE"),
        constants,
        {index: _shape(tensor) for index, tensor in enumerate(graph.tensors)},
        int(graph.inputs[0]),
        tuple(map(int, graph.outputs)),
    )


def _operation(model: Any, operator: Any) -> Operation:
    code = model.operatorCodes[operator.opcodeIndex]
    kind = code.customCode.decode() if code.customCode else _KINDS[_builtin(code)]
    options = operator.builtinOptions
    activation = getattr(options, "fusedActivationFunction", 0)
    if activation not in (0, schema.ActivationFunctionType.RELU):
        raise UnknownOperation(f"{kind} with activation {activation} fused to it")
    strides = (getattr(options, "strideH", 1), getattr(options, "strideW", 1))
    return Operation(
        kind,
        tuple(map(int, operator.inputs)),
        int(operator.outputs[0]),
        strides,
        rectified=activation != 0,
        axis=getattr(options, "axis", 0),
        begun=getattr(options, "beginMask", 0),
        open=getattr(options, "endMask", 0),
        shrunk=getattr(options, "shrinkAxisMask", 0),
    )


def _builtin(code: Any) -> int:
    # Old files say it in the deprecated byte, new ones in the wide field; the other is 0.
    return int(max(code.builtinCode, code.deprecatedBuiltinCode))


def _constants(model: Any) -> dict[int, Array]:
    data = {i: model.buffers[t.buffer].data for i, t in enumerate(model.subgraphs[0].tensors)}
    tensors = model.subgraphs[0].tensors
    return {
        index: np.frombuffer(bytes(raw), _DTYPES[tensors[index].type]).reshape(tensors[index].shape)
        for index, raw in data.items()
        if raw is not None and len(raw)
    }


def _widen(operations: Iterable[Operation], constants: dict[int, Array]) -> None:
    for operation in operations:
        if operation.kind == "DEQUANTIZE":
            constants[operation.output] = constants[operation.inputs[0]].astype(np.float32)


def _shape(tensor: Any) -> tuple[int, ...]:
    return () if tensor.shape is None else tuple(map(int, tensor.shape))
