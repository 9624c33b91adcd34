"""VGG: what a picture looks like to the trunk of VGG16, as an ONNX file. Only ever a judge."""

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import onnx
from onnx import TensorProto, helper

from omote.engines.weights.graph import Graph

BLOCKS = (2, 2, 3, 3, 3)
"Convolutions in each; the last one's result is looked at."
MEAN = (103.939, 116.779, 123.68)
"Of blue, green and red, which the weights expect taken off."


def built(weights: Path, target: Path) -> Path:
    """`picture` (1, h, w, 3), RGB 0..255, float32 -> `features0`...`features4` (1, c, h, w)."""
    graph = Graph()
    planes = graph.node("Transpose", ["picture"], perm=[0, 3, 1, 2])
    turned = graph.node("Gather", [planes, graph.integers(2, 1, 0)], axis=1)
    mean = graph.constant(np.array(MEAN, np.float32).reshape(1, 3, 1, 1))
    last = graph.node("Sub", [turned, mean])
    with h5py.File(weights) as stored:
        for number in range(len(BLOCKS)):
            if number:
                last = graph.node("MaxPool", [last], kernel_shape=[2, 2], strides=[2, 2])
            last = _block(graph, stored, number, last)
    picture = helper.make_tensor_value_info("picture", TensorProto.FLOAT, [1, "h", "w", 3])
    results = [
        helper.make_tensor_value_info(f"features{number}", TensorProto.FLOAT, [1, None, None, None])
        for number in range(len(BLOCKS))
    ]
    onnx.save(graph.model("vgg", picture, *results), target)
    return target


def _block(graph: Graph, stored: Any, number: int, last: str) -> str:
    for layer in range(BLOCKS[number]):
        kept = stored[f"block{number + 1}/layers/conv2d{f'_{layer}' if layer else ''}/vars"]
        kernel, bias = (np.asarray(kept[part], np.float32) for part in ("0", "1"))
        weights = [graph.constant(kernel.transpose(3, 2, 0, 1)), graph.constant(bias)]
        summed = graph.node("Conv", [last, *weights], pads=[1, 1, 1, 1])
        name = f"features{number}" if layer == BLOCKS[number] - 1 else None
        last = graph.node("Relu", [summed], name)
    return last
