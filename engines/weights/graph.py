"""An ONNX graph that grows node by node; needs the extra `weights`."""

from collections.abc import Sequence

import numpy as np
import onnx
from onnx import helper, numpy_helper

from omote.engines.model import Array

# Pinned, so that another release of the onnx package writes the same bytes.
_OPSET = 17
_IR_VERSION = 8


class Graph:
    """Nodes and constants, named by their number."""

    def __init__(self) -> None:
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
        self._constants.append(numpy_helper.from_array(np.ascontiguousarray(array), name))
        return name

    def integers(self, *values: int) -> str:
        """Add a list of integers, such as a shape."""
        return self.constant(np.array(values, np.int64))

    def floats(self, *values: float) -> str:
        """Add a list of floats, such as the scales of a resize."""
        return self.constant(np.array(values, np.float32))

    def model(
        self, name: str, source: onnx.ValueInfoProto, result: onnx.ValueInfoProto
    ) -> onnx.ModelProto:
        """Close the graph and check it whole."""
        graph = helper.make_graph(self._nodes, name, [source], [result], self._constants)
        opset = helper.make_opsetid("", _OPSET)
        model = helper.make_model(graph, opset_imports=[opset], ir_version=_IR_VERSION)
        onnx.checker.check_model(model, full_check=True)
        return model
