"""SFace: a net that tells faces apart, as ONNX Runtime takes it. Only ever a judge, never shipped."""

from pathlib import Path

import numpy as np
import onnx
from onnx import numpy_helper

from omote.engines.kernels import Floats
from omote.engines.model import Array


def unfolded(source: Path, target: Path) -> Path:
    """The net with plain numbers for its weights, which are stored in blocks of 8 bits."""
    model = onnx.load(source)
    graph = model.graph
    stored = {each.name: numpy_helper.to_array(each) for each in graph.initializer}
    kept = []
    for node in graph.node:
        if node.op_type != "DequantizeLinear":
            kept.append(node)
            continue
        numbers = _numbers(node, [stored[name] for name in node.input])
        graph.initializer.append(numpy_helper.from_array(numbers, node.output[0]))
    del graph.node[:]
    graph.node.extend(kept)
    _drop_unused(graph)
    onnx.save(model, target)
    return target


def _numbers(node: onnx.NodeProto, inputs: list[Array]) -> Floats:
    """What one node makes of its bytes, scales and zero points."""
    stored, scale, zero = inputs
    given = {each.name: each.i for each in node.attribute}
    axis, block = given.get("axis", 1), given.get("block_size", 0)
    if block:
        length = stored.shape[axis]
        scale, zero = (
            np.take(np.repeat(each, block, axis), np.arange(length), axis) for each in (scale, zero)
        )
    elif scale.size > 1:
        shape = [-1 if at == axis else 1 for at in range(stored.ndim)]
        scale, zero = scale.reshape(shape), zero.reshape(shape)
    return np.asarray((stored.astype(np.float32) - zero.astype(np.float32)) * scale, np.float32)


def _drop_unused(graph: onnx.GraphProto) -> None:
    """Weights that no step uses, and those that are listed as if they were given each time."""
    used = {name for node in graph.node for name in node.input}
    weights = [each for each in graph.initializer if each.name in used]
    del graph.initializer[:]
    graph.initializer.extend(weights)
    names = {each.name for each in weights}
    inputs = [each for each in graph.input if each.name in used and each.name not in names]
    del graph.input[:]
    graph.input.extend(inputs)
