"""MediaPipe's selfie nets as ONNX graphs that ONNX Runtime runs fast; needs the extra `weights`.

The originals work on (1, H, W, C); here everything between the first convolution and the last
is (1, C, H, W), which ONNX Runtime turns into its own blocked layout. That layout knows no
broadcasting and its bilinear enlargement is dear, hence the rewritings below. All of them are
exact but for rounding.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import onnx
from onnx import TensorProto, helper

from omote.engines.model import Floats
from omote.engines.weights.graph import Graph
from omote.engines.weights.tflite import Network, Operation, UnknownOperation

_MANY = 2000
"Pixels from which an average is taken in two steps: in one, float32 loses four digits."


@dataclass(frozen=True, slots=True)
class Plane:
    """A tensor of the ONNX graph."""

    name: str
    size: tuple[int, int]
    "Height and width."


@dataclass(frozen=True, slots=True)
class Enlarged:
    """A plane twice as large, bilinear, not yet computed.

    A 1 × 1 convolution and an average give the same on the small plane, at a quarter of the cost.
    """

    small: Plane


@dataclass(frozen=True, slots=True)
class Sum:
    """A plane plus an enlarged one, not yet computed: convolutions and averages go to the terms."""

    plane: Plane
    enlarged: Enlarged


Value = Plane | Enlarged | Sum


def convert(network: Network) -> onnx.ModelProto:
    """Convert to `picture` (1, H, W, 3) uint8 RGB -> `alpha` (1, H, W, 1) float32, 0..1."""
    graph = Graph()
    conversion = _Conversion(network, graph)
    for operation in network.operations:
        conversion.add(operation)
    return graph.model(
        "selfie",
        helper.make_tensor_value_info(
            "picture", TensorProto.UINT8, network.shapes[network.picture]
        ),
        helper.make_tensor_value_info(
            "alpha", TensorProto.FLOAT, network.shapes[network.results[0]]
        ),
    )


class _Conversion:
    """What each TFLite tensor became."""

    def __init__(self, network: Network, graph: Graph) -> None:
        self._network = network
        self._graph = graph
        self._values: dict[int, Value] = {}

    def add(self, operation: Operation) -> None:
        """Add what the next operation needs."""
        convert = {
            "CONV_2D": self._convolution,
            "DEPTHWISE_CONV_2D": self._depthwise,
            "Convolution2DTransposeBias": self._transposed,
            "RELU": self._relu,
            "HARD_SWISH": self._hard_swish,
            "LOGISTIC": self._sigmoid,
            "MEAN": self._average,
            "AVERAGE_POOL_2D": self._average,
            "ADD": self._sum,
            "MUL": self._product,
            "RESIZE_BILINEAR": self._enlarged,
        }.get(operation.kind)
        if convert is None or operation.rectified:
            raise UnknownOperation(operation.kind)
        self._values[operation.output] = convert(operation)

    def _convolution(self, operation: Operation) -> Value:
        weight, bias = self._weights(operation)  # (O, H, W, I), (O,)
        if operation.inputs[0] == self._network.picture:
            return self._first(operation, weight, bias)
        value = self._values[operation.inputs[0]]
        kernel = np.moveaxis(weight, 3, 1)  # (O, I, H, W)
        if kernel.shape[2:] == (1, 1) and operation.strides == (1, 1):
            return self._pointwise(value, kernel, bias)
        return self._conv(self._plane(value), operation, kernel, bias)

    def _first(self, operation: Operation, weight: Floats, bias: Floats) -> Plane:
        # Rows of RGB triples are read as rows of single numbers: a kernel three times as wide
        # with three times the stride gives the same, and no transpose to planes is needed.
        _, height, width, channels = self._network.shapes[operation.inputs[0]]
        row = Plane("picture", (height, width * channels))
        flat = self._graph.node("Reshape", ["picture", self._graph.integers(1, 1, *row.size)])
        numbers = self._graph.node("Cast", [flat], to=TensorProto.FLOAT)
        kernel = (weight / np.float32(255)).reshape(len(weight), 1, weight.shape[1], -1)
        top, left, bottom, right = self._pads(operation, weight.shape[1:3])
        out = self._graph.node(
            "Conv",
            [numbers, self._graph.constant(kernel), self._graph.constant(bias)],
            kernel_shape=kernel.shape[2:],
            strides=(operation.strides[0], operation.strides[1] * channels),
            pads=(top, left * channels, bottom, right * channels),
        )
        return Plane(out, self._size(operation))

    def _pointwise(self, value: Value, kernel: Floats, bias: Floats | None) -> Value:
        if isinstance(value, Enlarged):
            return Enlarged(self._dot(value.small, kernel, bias))
        if isinstance(value, Sum):
            small = self._dot(value.enlarged.small, kernel, None)
            return self._added(self._dot(value.plane, kernel, bias), self._large(small))
        return self._dot(value, kernel, bias)

    def _dot(self, plane: Plane, kernel: Floats, bias: Floats | None) -> Plane:
        inputs = [plane.name, self._graph.constant(kernel)]
        if bias is not None:
            inputs.append(self._graph.constant(bias))
        return Plane(self._graph.node("Conv", inputs, kernel_shape=(1, 1)), plane.size)

    def _depthwise(self, operation: Operation) -> Plane:
        weight, bias = self._weights(operation)  # (1, H, W, C), (C,)
        kernel = np.moveaxis(weight, 3, 0)  # (C, 1, H, W)
        plane = self._plane(self._values[operation.inputs[0]])
        return self._conv(plane, operation, kernel, bias, group=len(kernel))

    def _conv(
        self, plane: Plane, operation: Operation, kernel: Floats, bias: Floats, group: int = 1
    ) -> Plane:
        out = self._graph.node(
            "Conv",
            [plane.name, self._graph.constant(kernel), self._graph.constant(bias)],
            kernel_shape=kernel.shape[2:],
            strides=operation.strides,
            pads=self._pads(operation, kernel.shape[2:]),
            group=group,
        )
        return Plane(out, self._size(operation))

    def _transposed(self, operation: Operation) -> Plane:
        weight, bias = self._weights(operation)  # (O, 2, 2, I), (O,)
        kernel = np.moveaxis(weight, 3, 0)  # (I, O, 2, 2)
        inputs = [
            self._input(operation).name,
            self._graph.constant(kernel),
            self._graph.constant(bias),
        ]
        out = self._graph.node("ConvTranspose", inputs, kernel_shape=(2, 2), strides=(2, 2))
        return Plane(out, self._size(operation))

    def _relu(self, operation: Operation) -> Plane:
        plane = self._input(operation)
        return Plane(self._graph.node("Relu", [plane.name]), plane.size)

    def _hard_swish(self, operation: Operation) -> Plane:
        plane = self._input(operation)
        gate = self._graph.node("HardSigmoid", [plane.name], alpha=1 / 6, beta=0.5)
        return Plane(self._graph.node("Mul", [plane.name, gate]), plane.size)

    def _sigmoid(self, operation: Operation) -> Plane:
        plane = self._input(operation)
        if operation.output not in self._network.results:
            return Plane(self._graph.node("Sigmoid", [plane.name]), plane.size)
        # Reshaped before, not after: an inner reshape moves nothing, a last one copies.
        flat = self._graph.node("Reshape", [plane.name, self._graph.integers(1, *plane.size, 1)])
        return Plane(self._graph.node("Sigmoid", [flat], output="alpha"), plane.size)

    def _average(self, operation: Operation) -> Plane:
        return self._averaged(self._values[operation.inputs[0]])

    def _averaged(self, value: Value) -> Plane:
        if isinstance(value, Enlarged):
            return self._averaged(value.small)
        if isinstance(value, Sum):
            return self._added(self._averaged(value.plane), self._averaged(value.enlarged))
        name = value.name
        if value.size[0] * value.size[1] > _MANY:
            block = tuple(map(_divisor, value.size))
            name = self._graph.node("AveragePool", [name], kernel_shape=block, strides=block)
        return Plane(self._graph.node("GlobalAveragePool", [name]), (1, 1))

    def _sum(self, operation: Operation) -> Value:
        left, right = (self._values[index] for index in operation.inputs)
        if isinstance(left, Plane) and isinstance(right, Enlarged):
            return Sum(left, right)
        return self._added(self._plane(left), self._plane(right))

    def _added(self, left: Plane, right: Plane) -> Plane:
        return Plane(self._graph.node("Add", [left.name, right.name]), left.size)

    def _product(self, operation: Operation) -> Plane:
        plane, gate = (self._plane(self._values[index]) for index in operation.inputs)
        # One number per channel, spread over the plane: in the blocked layout that is cheaper
        # than leaving the layout to broadcast.
        spread = self._graph.node(
            "Resize",
            [gate.name, "", self._graph.floats(1, 1, *plane.size)],
            mode="nearest",
            coordinate_transformation_mode="asymmetric",
            nearest_mode="floor",
        )
        return Plane(self._graph.node("Mul", [plane.name, spread]), plane.size)

    def _enlarged(self, operation: Operation) -> Enlarged:
        return Enlarged(self._input(operation))

    def _large(self, small: Plane) -> Plane:
        inputs = [small.name, "", self._graph.floats(1, 1, 2, 2)]
        out = self._graph.node(
            "Resize", inputs, mode="linear", coordinate_transformation_mode="half_pixel"
        )
        return Plane(out, (2 * small.size[0], 2 * small.size[1]))

    def _plane(self, value: Value) -> Plane:
        """Compute what was put off."""
        if isinstance(value, Sum):
            return self._added(value.plane, self._plane(value.enlarged))
        return self._large(value.small) if isinstance(value, Enlarged) else value

    def _input(self, operation: Operation) -> Plane:
        return self._plane(self._values[operation.inputs[0]])

    def _size(self, operation: Operation) -> tuple[int, int]:
        _, height, width, _ = self._network.shapes[operation.output]
        return height, width

    def _weights(self, operation: Operation) -> tuple[Floats, Floats]:
        weight, bias = (self._network.constants[index] for index in operation.inputs[1:])
        return weight, bias

    def _pads(self, operation: Operation, kernel: Sequence[int]) -> tuple[int, int, int, int]:
        """Top, left, bottom, right; TFLite's SAME puts the odd one at the end."""
        sizes = self._network.shapes[operation.inputs[0]][1:3], self._size(operation)
        steps = zip(*sizes, operation.strides, kernel, strict=True)
        height, width = (max((b - 1) * stride + k - a, 0) for a, b, stride, k in steps)
        return height // 2, width // 2, height - height // 2, width - width // 2


def _divisor(size: int) -> int:
    return max(step for step in range(1, 10) if size % step == 0)
