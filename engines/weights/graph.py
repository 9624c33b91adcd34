"""An ONNX graph that grows node by node; needs the extra `weights`."""

from collections.abc import Sequence

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from omote.engines.model import Array

# Pinned, so that another release of the onnx package writes the same bytes.
_OPSET = 17
_IR_VERSION = 8

SMALL = 1000
"Constants of up to so many numbers keep their precision: biases, gates."


class Graph:
    """Nodes and constants, named by their number."""

    def __init__(self, half: bool = False) -> None:
        """`half`: large constants are stored as float16 and widened when the file is loaded."""
        self._half = half
        self._nodes: list[onnx.NodeProto] = []
        self._constants: list[onnx.TensorProto] = []

    def node(
        self, kind: str, inputs: Sequence[str], output: str | None = None, **attributes: object
    ) -> str:
        """Add a node with one output and return the output's name."""
        output = output or f"{kind.lower()}_{len(self._nodes)}"
        node = helper.make_node(kind, inputs, [output])
        node.attribute.extend(helper.make_attribute(*pair) for pair in attributes.items())
        self._nodes.append(node)
        return output

    def constant(self, array: Array) -> str:
        """Add a constant and return its name."""
        name = f"constant_{len(self._constants)}"
        halved = self._half and array.dtype == np.float32 and array.size > SMALL
        stored = array.astype(np.float16) if halved else array
        self._constants.append(numpy_helper.from_array(np.ascontiguousarray(stored), name))
        return self.node("Cast", [name], to=TensorProto.FLOAT) if halved else name

    def integers(self, *values: int) -> str:
        """Add a list of integers, such as a shape."""
        return self.constant(np.array(values, np.int64))

    def floats(self, *values: float) -> str:
        """Add a list of floats, such as the scales of a resize."""
        return self.constant(np.array(values, np.float32))

    def model(
        self, name: str, source: onnx.ValueInfoProto, *results: onnx.ValueInfoProto
    ) -> onnx.ModelProto:
        """Close the graph and check it whole."""
        return sealed(self._nodes, name, self._constants, source, results)


def sealed(
    nodes: Sequence[onnx.NodeProto],
    name: str,
    constants: Sequence[onnx.TensorProto],
    source: onnx.ValueInfoProto,
    results: Sequence[onnx.ValueInfoProto],
    opset: int = _OPSET,
) -> onnx.ModelProto:
    """A model of these parts, checked whole."""
    graph = helper.make_graph(nodes, name, [source], results, constants)
    model = helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=_IR_VERSION
    )
    onnx.checker.check_model(model, full_check=True)
    return model
