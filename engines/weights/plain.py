"""Float TFLite networks as ONNX graphs, operation by operation; needs the extra `weights`.

Tensors keep TFLite's order (1, H, W, C), because reshapes inside mean it; convolutions stand between
two transposes, most of which ONNX Runtime takes out again when it loads the file.
"""

from collections.abc import Iterator, Sequence

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
    numbers = graph.node("Cast", ["picture"], to=TensorProto.FLOAT)
    scaled = graph.node("Mul", [numbers, graph.floats((levels[1] - levels[0]) / 255)])
    source = graph.node("Add", [scaled, graph.floats(levels[0])])
    made = _followed(network, graph, source, results, shares)
    size = network.shapes[network.picture]
    return graph.model("plain", _value("picture", size, TensorProto.UINT8), *made)


def convert_numbers(network: Network, name: str, results: Sequence[str]) -> onnx.ModelProto:
    """Convert a network whose input, called `name`, is no picture: float32 like its `results`."""
    graph = Graph(half=True)
    made = _followed(network, graph, name, results, shares=False)
    size = network.shapes[network.picture]
    return graph.model("plain", _value(name, size), *made)


def _followed(
    network: Network, graph: Graph, source: str, results: Sequence[str], shares: bool
) -> Iterator[onnx.ValueInfoProto]:
    """Add every operation, and the results under their names."""
    conversion = _Conversion(network, graph, source)
    for operation in network.operations:
        conversion.add(operation)
    kind, options = ("Softmax", {"axis": -1}) if shares else ("Identity", {})
    for name, number in zip(results, network.results, strict=True):
        graph.node(kind, [conversion.names[number]], output=name, **options)
        yield _value(name, network.shapes[number])


def _value(name: str, shape: Sequence[int], kind: int = TensorProto.FLOAT) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, kind, shape)


class _Conversion:
    """What each TFLite tensor is called in the ONNX graph."""

    def __init__(self, network: Network, graph: Graph, source: str) -> None:
        self._network = network
        self._graph = graph
        self.names = {
            network.picture: source,
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
            "MEAN": self._mean,
            "SOFTMAX": self._softmax,
            "CONCATENATION": self._joined,
            "STRIDED_SLICE": self._sliced,
            "PRELU": self._bent,
            "RSQRT": self._reciprocal_root,
            "SQUARED_DIFFERENCE": self._squared_difference,
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

    def _mean(self, operation: Operation) -> str:
        axes = self._network.constants[operation.inputs[1]].ravel().tolist()
        keep = int(len(self._network.shapes[operation.output]) == len(self._shape(operation)))
        source = self.names[operation.inputs[0]]
        return self._graph.node("ReduceMean", [source], axes=axes, keepdims=keep)

    def _sliced(self, operation: Operation) -> str:
        """A slice whose ends are all given; one position of an axis may be taken out of it."""
        starts, ends, steps = (
            self._network.constants[index].tolist() for index in operation.inputs[1:]
        )
        shape = self._shape(operation)
        ends = [
            start + 1
            if operation.shrunk >> axis & 1
            else size
            if operation.open >> axis & 1
            else end
            for axis, (start, end, size) in enumerate(zip(starts, ends, shape, strict=True))
        ]
        begun = [0 if operation.begun >> axis & 1 else start for axis, start in enumerate(starts)]
        numbers = (begun, ends, range(len(shape)), steps)
        inputs = [
            self.names[operation.inputs[0]],
            *(self._graph.integers(*each) for each in numbers),
        ]
        part = self._graph.node("Slice", inputs)
        after = self._graph.integers(*self._network.shapes[operation.output])
        return self._graph.node("Reshape", [part, after])

    def _softmax(self, operation: Operation) -> str:
        return self._graph.node("Softmax", [self.names[operation.inputs[0]]], axis=-1)

    def _joined(self, operation: Operation) -> str:
        inputs = [self.names[index] for index in operation.inputs]
        return self._graph.node("Concat", inputs, axis=operation.axis)

    def _bent(self, operation: Operation) -> str:
        """PReLU as two scalings by channel, which ONNX Runtime has in its fast layout, unlike it."""
        slopes = self._network.constants[operation.inputs[1]].reshape(-1, 1, 1, 1)  # (C, 1, 1, 1)
        planes = self._planes(operation.inputs[0])
        if slopes.max() <= 1:
            above = self._graph.node("Relu", [self._scaled(planes, 1 - slopes)])
        else:
            above = self._scaled(self._graph.node("Relu", [planes]), 1 - slopes)
        return self._rows(self._graph.node("Add", [self._scaled(planes, slopes), above]))

    def _scaled(self, planes: str, factors: Floats) -> str:
        kernel = self._graph.constant(factors)
        return self._graph.node("Conv", [planes, kernel], kernel_shape=(1, 1), group=len(factors))

    def _reciprocal_root(self, operation: Operation) -> str:
        root = self._graph.node("Sqrt", [self.names[operation.inputs[0]]])
        return self._graph.node("Reciprocal", [root])

    def _squared_difference(self, operation: Operation) -> str:
        inputs = [self.names[index] for index in operation.inputs]
        difference = self._graph.node("Sub", inputs)
        return self._graph.node("Mul", [difference, difference])

    def _shape(self, operation: Operation) -> tuple[int, ...]:
        return self._network.shapes[operation.inputs[0]]

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


_SAME_NAME = {
    "ADD": "Add",
    "SUB": "Sub",
    "MUL": "Mul",
    "DIV": "Div",
    "NEG": "Neg",
    "SQRT": "Sqrt",
    "RELU": "Relu",
    "LOGISTIC": "Sigmoid",
}


def _operands(network: Network) -> set[int]:
    """Constants that are added, multiplied or joined: the others become part of their operation."""
    kinds = {*_SAME_NAME, "CONCATENATION"}
    plain = (operation for operation in network.operations if operation.kind in kinds)
    return {index for operation in plain for index in operation.inputs}
