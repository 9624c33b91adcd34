"""Bends: PReLU between two convolutions, made part of them; needs the extra `weights`.

ONNX Runtime fuses a ReLU into the convolution before it, and no PReLU. So the convolution gives each
channel twice, as it is and negated, both rectified; the depthwise convolution after it takes the
slopes into its weights; and the 1 x 1 convolution after that adds the two up. Exact but for rounding.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from omote.engines.model import Array
from omote.engines.weights.tflite import Network, Operation

NARROW = 8
"Channels up to which giving them twice costs nothing: the blocked layout fills blocks of 16 anyway."
_CHAIN = ("CONV_2D", "PRELU", "DEPTHWISE_CONV_2D", "CONV_2D")


def straightened(network: Network) -> Network:
    """The network without the narrow PReLUs of which nothing else knows."""
    for chain in _chains(network):
        network = _without(network, chain)
    return network


def _chains(network: Network) -> list[tuple[Operation, ...]]:
    users: Mapping[int, list[Operation]] = defaultdict(list)
    for operation in network.operations:
        for index in operation.inputs:
            users[index].append(operation)
    found = []
    for first in network.operations:
        chain = [first]
        while len(chain) < len(_CHAIN) and len(users[chain[-1].output]) == 1:
            chain.append(users[chain[-1].output][0])
        kinds, width = tuple(each.kind for each in chain), network.shapes[first.output][-1]
        if kinds == _CHAIN and not chain[2].rectified and width <= NARROW:
            found.append(tuple(chain))
    return found


def _without(network: Network, chain: Sequence[Operation]) -> Network:
    first, bend, depthwise, last = chain
    slopes = network.constants[bend.inputs[1]].reshape(-1)
    kernel, bias = (network.constants[index] for index in depthwise.inputs[1:])
    made = [
        *(_doubled(network, index, 0, -1) for index in first.inputs[1:]),
        np.concatenate([kernel, -slopes * kernel], 3),
        np.concatenate([bias, np.zeros_like(bias)]),
        _doubled(network, last.inputs[1], 3, 1),
    ]
    # Under numbers of their own: the originals may be shared.
    named = dict(enumerate(made, start=1 + max([*network.constants, *network.shapes])))
    weight, offset, around, shift, across = named
    changed = {
        id(first): replace(first, inputs=(first.inputs[0], weight, offset), rectified=True),
        id(depthwise): replace(depthwise, inputs=(first.output, around, shift)),
        id(last): replace(last, inputs=(last.inputs[0], across, last.inputs[2])),
    }
    operations = (changed.get(id(each), each) for each in network.operations if each is not bend)
    shapes = network.shapes | {
        index: (*network.shapes[index][:3], 2 * len(slopes))
        for index in (first.output, depthwise.output)
    }
    constants = network.constants | named
    return replace(network, operations=tuple(operations), constants=constants, shapes=shapes)


def _doubled(network: Network, index: int, axis: int, sign: int) -> Array:
    array = network.constants[index]
    return np.concatenate([array, sign * array], axis).astype(array.dtype)
