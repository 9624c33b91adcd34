"""Float TFLite networks as ONNX graphs, operation by operation; needs the extra `weights`.

Tensors keep TFLite's order (1, H, W, C), because reshapes inside mean it; convolutions stand between
two transposes, most of which ONNX Runtime takes out again when it loads the file.
"""

from collections.abc import Sequence

import numpy as np
import onnx
from onnx import TensorProto, helper

from omote.engines.model import Floats
from omote.engines.weights.graph import Graph
from omote.engines.weights.tflite import Network, Operation, UnknownOperation

Levels = tuple[float, float]
"What 0 and 255 become."


def convert(
    network: Network, levels: Levels, results: Sequence[str], shares: bool = False
) -> onnx.ModelProto:
    """Convert to `picture` (1, H, W, 3) uint8 RGB -> float32 `results`, weights stored as float16.

    `shares`: each result is turned into shares of its last axis, 0..1 (softmax).
    """
    graph = Graph(half=True)
    conversion = _Conversion(network, graph, levels)
    for operation in network.operations:
        conversion.add(operation)
    made = []
    for name, number in zip(results, network.results, strict=True):
        kind, options = ("Softmax", {"axis": -1}) if shares else ("Identity", {})
        graph.node(kind, [conversion.names[number]], output=name, **options)
        made.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, network.shapes[number]))
    size = network.shapes[network.picture]
    picture = helper.make_tensor_value_info("picture", TensorProto.UINT8, size)
    return graph.model("plain", picture, *made)


class _Conversion:
    """What each TFLite tensor is called in the ONNX graph."""

    def __init__(self, network: Network, graph: Graph, levels: Levels) -> None:
        self._network = network
        self._graph = graph
        numbers = graph.node("Cast", ["picture"], to=TensorProto.FLOAT)
        scale = graph.floats((levels[1] - levels[0]) / 255)
        scaled = graph.node("Mul", [numbers, scale])
        self.names = {
            network.picture: graph.node("Add", [scaled, graph.floats(levels[0])]),
            **{
                index: graph.constant(array)
                for index, array in network.constants.items()
                if index in _operands(network)
            },
        }

    def add(self, operation: Operation) -> None:
        """Add what the next operation needs."""
        convert = {
            "CONV_2D": self._convolution,
            "DEPTHWISE_CONV_2D": self._depthwise,
            "TRANSPOSE_CONV": self._transposed,
            "MAX_POOL_2D": self._pooled,
            "RESIZE_BILINEAR": self._resized,
            "RESIZE_NEAREST_NEIGHBOR": self._resized,
            "RESHAPE": self._reshaped,
            "TRANSPOSE": self._permuted,
            "PAD": self._padded,
            "SUM": self._total,
            "SOFTMAX": self._softmax,
            "CONCATENATION": self._joined,
            **dict.fromkeys(_SAME_NAME, self._direct),
        }.get(operation.kind)
        if convert is None:
            raise UnknownOperation(operation.kind)
        name = convert(operation)
        if operation.rectified:
            name = self._graph.node("Relu", [name])
        self.names[operation.output] = name

    def _direct(self, operation: Operation) -> str:
        inputs = [self.names[index] for index in operation.inputs]
        return self._graph.node(_SAME_NAME[operation.kind], inputs)

    def _convolution(self, operation: Operation) -> str:
        weight, bias = self._weights(operation)  # (O, H, W, I), (O,)
        return self._convolved(operation, np.moveaxis(weight, 3, 1), bias, 1)

    def _depthwise(self, operation: Operation) -> str:
        weight, bias = self._weights(operation)  # (1, H, W, C), (C,)
        kernel = np.moveaxis(weight, 3, 0)
        return self._convolved(operation, kernel, bias, len(kernel))

    def _convolved(self, operation: Operation, kernel: Floats, bias: Floats, group: int) -> str:
        inputs = [
            self._planes(operation.inputs[0]),
            self._graph.constant(kernel),
            self._graph.constant(bias),
        ]
        out = self._graph.node(
            "Conv",
            inputs,
            kernel_shape=kernel.shape[2:],
            strides=operation.strides,
            pads=self._pads(operation, kernel.shape[2:]),
            group=group,
        )
        return self._rows(out)

    def _transposed(self, operation: Operation) -> str:
        _, weights, source, *bias = operation.inputs
        kernel = np.moveaxis(self._network.constants[weights], 3, 0)  # (O, H, W, I) to (I, O, H, W)
        if kernel.shape[2:] != operation.strides:
            raise UnknownOperation("TRANSPOSE_CONV whose kernel overlaps")
        inputs = [self._planes(source), self._graph.constant(kernel)]
        inputs += [self._graph.constant(self._network.constants[index]) for index in bias]
        out = self._graph.node(
            "ConvTranspose", inputs, kernel_shape=kernel.shape[2:], strides=operation.strides
        )
        return self._rows(out)

    def _pooled(self, operation: Operation) -> str:
        out = self._graph.node(
            "MaxPool",
            [self._planes(operation.inputs[0])],
            kernel_shape=operation.strides,
            strides=operation.strides,
        )
        return self._rows(out)

    def _resized(self, operation: Operation) -> str:
        before = self._network.shapes[operation.inputs[0]]
        after = self._network.shapes[operation.output]
        scales = self._graph.floats(1, 1, after[1] / before[1], after[2] / before[2])
        bilinear = operation.kind == "RESIZE_BILINEAR"
        options = {"mode": "linear"} if bilinear else {"mode": "nearest", "nearest_mode": "floor"}
        where = "half_pixel" if bilinear else "asymmetric"
        out = self._graph.node(
            "Resize",
            [self._planes(operation.inputs[0]), "", scales],
            coordinate_transformation_mode=where,
            **options,
        )
        return self._rows(out)

    def _reshaped(self, operation: Operation) -> str:
        shape = self._graph.integers(*self._network.shapes[operation.output])
        return self._graph.node("Reshape", [self.names[operation.inputs[0]], shape])

    def _permuted(self, operation: Operation) -> str:
        order = self._network.constants[operation.inputs[1]].tolist()
        return self._graph.node("Transpose", [self.names[operation.inputs[0]]], perm=order)

    def _padded(self, operation: Operation) -> str:
        pads = self._network.constants[operation.inputs[1]].T.ravel().tolist()
        return self._graph.node(
            "Pad", [self.names[operation.inputs[0]], self._graph.integers(*pads)]
        )

    def _total(self, operation: Operation) -> str:
        axes = self._network.constants[operation.inputs[1]].ravel().tolist()
        source = self.names[operation.inputs[0]]
        return self._graph.node("ReduceSum", [source, self._graph.integers(*axes)], keepdims=1)

    def _softmax(self, operation: Operation) -> str:
        return self._graph.node("Softmax", [self.names[operation.inputs[0]]], axis=-1)

    def _joined(self, operation: Operation) -> str:
        inputs = [self.names[index] for index in operation.inputs]
        return self._graph.node("Concat", inputs, axis=operation.axis)

    def _planes(self, index: int) -> str:
        return self._graph.node("Transpose", [self.names[index]], perm=(0, 3, 1, 2))

    def _rows(self, name: str) -> str:
        return self._graph.node("Transpose", [name], perm=(0, 2, 3, 1))

    def _weights(self, operation: Operation) -> tuple[Floats, Floats]:
        weight, bias = (self._network.constants[index] for index in operation.inputs[1:])
        return weight, bias

    def _pads(self, operation: Operation, kernel: Sequence[int]) -> tuple[int, int, int, int]:
        """Top, left, bottom, right; TFLite's SAME puts the odd one at the end."""
        sizes = (self._network.shapes[n][1:3] for n in (operation.inputs[0], operation.output))
        steps = zip(*sizes, operation.strides, kernel, strict=True)
        height, width = (max((b - 1) * stride + k - a, 0) for a, b, stride, k in steps)
        return height // 2, width // 2, height - height // 2, width - width // 2


_SAME_NAME = {"ADD": "Add", "MUL": "Mul", "RELU": "Relu"}


def _operands(network: Network) -> set[int]:
    """Constants that are added or multiplied: the others become part of their operation."""
    plain = (operation for operation in network.operations if operation.kind in _SAME_NAME)
    return {index for operation in plain for index in operation.inputs}
