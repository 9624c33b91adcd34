"""MODNet as this project runs it: one fixed size, bytes in, half the file; needs the extra `weights`."""

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from omote.engines.weights.graph import SMALL, sealed

SIDE = 256
"Side of its picture, pixels: a multiple of 32; its time grows with the square."


def convert(original: bytes) -> onnx.ModelProto:
    """Convert to `picture` (1, SIDE, SIDE, 3) uint8 RGB -> `alpha` (1, SIDE, SIDE, 1), 0..1."""
    graph = onnx.load_from_string(original).graph
    nodes = [_renamed(node) for node in graph.node]
    constants, widening = [], []
    for constant in graph.initializer:
        array = numpy_helper.to_array(constant)
        if array.dtype == np.float32 and array.size > SMALL:
            half = f"{constant.name}_half"
            constants.append(numpy_helper.from_array(array.astype(np.float16), half))
            widening.append(helper.make_node("Cast", [half], [constant.name], to=TensorProto.FLOAT))
        else:
            constants.append(constant)
    constants += [
        numpy_helper.from_array(np.array(127.5, np.float32), "middle"),
        numpy_helper.from_array(np.array([1, SIDE, SIDE, 1], np.int64), "rows"),
    ]
    return sealed(
        [
            *_opening(),
            *widening,
            *nodes,
            helper.make_node("Reshape", ["shares", "rows"], ["alpha"]),
        ],
        "modnet",
        constants,
        helper.make_tensor_value_info("picture", TensorProto.UINT8, (1, SIDE, SIDE, 3)),
        [helper.make_tensor_value_info("alpha", TensorProto.FLOAT, (1, SIDE, SIDE, 1))],
        opset=11,
    )


def _opening() -> list[onnx.NodeProto]:
    """RGB rows of 0..255 as planes of -1..1."""
    return [
        helper.make_node("Cast", ["picture"], ["numbers"], to=TensorProto.FLOAT),
        helper.make_node("Sub", ["numbers", "middle"], ["centred"]),
        helper.make_node("Div", ["centred", "middle"], ["scaled"]),
        helper.make_node("Transpose", ["scaled"], ["planes"], perm=(0, 3, 1, 2)),
    ]


def _renamed(node: onnx.NodeProto) -> onnx.NodeProto:
    """Its input and output are called otherwise here."""
    names = {"input": "planes", "output": "shares"}
    for field in (node.input, node.output):
        field[:] = [names.get(name, name) for name in field]
    return node
