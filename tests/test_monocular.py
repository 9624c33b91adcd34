"""Monocular: a user's own depth network, here a tiny one made for the test."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from omote.engines.depth.monocular import FARTHEST_M, NEAREST_M, DepthNetwork, Monocular
from omote.engines.onnx import BrokenModel


def network(path: Path, probability: bool = False, flat: bool = False) -> Path:
    """Depth is the mean of the three colours; so is the probability, if asked for."""
    image = helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, 3, 48, 64])
    axes = helper.make_tensor("axes", TensorProto.INT64, [1], [1])
    names = ["depth", "probability"] if probability else ["depth"]
    outputs = [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in names]
    nodes = [
        helper.make_node("ReduceMean", ["image", "axes"], [name], keepdims=int(not flat))
        for name in names
    ]
    graph = helper.make_graph(nodes, "depth", [image], outputs, [axes])
    opset = [helper.make_opsetid("", 18)]
    onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=9), path)
    return path


def ramp() -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    """Bright, hence near, on the right."""
    line = np.linspace(0, 255, 64).astype(np.uint8)
    return np.repeat(np.repeat(line[None, :, None], 48, 0), 3, 2)


@pytest.mark.parametrize("flat", [False, True])
def test_what_grows_with_nearness_becomes_metres(tmp_path: Path, flat: bool) -> None:
    estimate = Monocular(DepthNetwork(network(tmp_path / "a.onnx", flat=flat)))(ramp())
    line = estimate.metres[24]
    assert estimate.metres.shape == (48, 64) and estimate.probability is None
    assert (np.diff(line) <= 0).all()
    assert line[0] == pytest.approx(FARTHEST_M) and line[-1] == pytest.approx(NEAREST_M)


def test_metres_stay_metres_and_nothing_is_made_of_nothing(tmp_path: Path) -> None:
    made = DepthNetwork(network(tmp_path / "a.onnx"), "metres", "unit")
    line = Monocular(made)(ramp()).metres[24]
    assert np.isnan(line[0]) and line[-1] == pytest.approx(1.0)


def test_a_probability_is_found_by_its_name(tmp_path: Path) -> None:
    made = DepthNetwork(network(tmp_path / "a.onnx", probability=True), "metres", "unit")
    probability = Monocular(made)(ramp()).probability
    assert probability is not None and probability[24, -1] == pytest.approx(1.0)


def test_the_scale_does_not_jump_with_every_picture(tmp_path: Path) -> None:
    estimate = Monocular(DepthNetwork(network(tmp_path / "a.onnx")))
    before = estimate(ramp()).metres
    after = estimate(np.maximum(ramp() // 2, 1).astype(np.uint8)).metres
    assert abs(float(np.median(after)) - float(np.median(before))) > 0  # it does follow
    assert after.min() > before.min()  # but does not take half as bright for as near at once


def test_a_file_that_is_no_depth_network_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BrokenModel, match="no weight file"):
        DepthNetwork(tmp_path / "none.onnx")
    value = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 4])
    out = helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 4])
    graph = helper.make_graph([helper.make_node("Identity", ["x"], ["y"])], "no", [value], [out])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    onnx.save(model, tmp_path / "no.onnx")
    with pytest.raises(BrokenModel, match="no depth network"):
        DepthNetwork(tmp_path / "no.onnx")
