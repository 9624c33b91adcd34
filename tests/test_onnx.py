import logging
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib.resources import files
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from omote.engines import weights
from omote.engines.model import Models, Taken, UnknownModel
from omote.engines.onnx import BrokenModel, OnnxModel, load

Shape = Sequence[int | str]


def shipped(name: str) -> bytes:
    return (files(weights) / f"{name}.onnx").read_bytes()


def written(
    path: Path, nodes: Sequence[onnx.NodeProto], shapes: Sequence[Shape], kind: int
) -> Path:
    """A tiny file: inputs `a`, `b`, ... of these shapes, output `y`."""
    letters = zip("abc", shapes, strict=False)
    inputs = [helper.make_tensor_value_info(letter, kind, shape) for letter, shape in letters]
    output = helper.make_tensor_value_info("y", kind, None)
    graph = helper.make_graph(nodes, "tiny", inputs, [output])
    opset = helper.make_opsetid("", 17)
    path.write_bytes(
        helper.make_model(graph, opset_imports=[opset], ir_version=8).SerializeToString()
    )
    return path


def test_a_shipped_model_is_loaded_by_its_stem_and_kept() -> None:
    models = Models(load)
    model = models["selfie_landscape"]
    assert model is models["selfie_landscape"]


def test_who_takes_models_is_known_to_have_taken_them_and_shares_them() -> None:
    models = Models(load)
    first, second = Taken(models), Taken(models)
    assert first["selfie_landscape"] is second["selfie_landscape"]
    assert first.names() == ["selfie_landscape@onnx-cpu"]
    assert Taken(models).names() == []


def test_a_users_file_is_loaded_by_its_path(tmp_path: Path) -> None:
    path = tmp_path / "mine.onnx"
    path.write_bytes(shipped("selfie_square"))
    assert load(str(path)).name == "mine@onnx-cpu"


def test_an_unknown_name_is_answered_with_those_there_are() -> None:
    with pytest.raises(
        UnknownModel, match=r"'selfie_round'.*selfie_landscape, selfie_multiclass, selfie_square"
    ):
        load("selfie_round")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(BrokenModel, match=r"nothing\.onnx: check the path"):
        load(str(tmp_path / "nothing.onnx"))


@pytest.mark.parametrize("content", [b"", b"<html>404</html>", shipped("selfie_square")[:100_000]])
def test_a_corrupt_file_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "corrupt.onnx"
    path.write_bytes(content)
    with pytest.raises(BrokenModel, match=r"corrupt\.onnx.*get it again") as caught:
        load(str(path))
    assert caught.value.__cause__ is not None


def test_a_shipped_file_that_was_altered_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(weights.HASHES, "selfie_square", "0" * 64)
    with pytest.raises(BrokenModel, match="not the file that was shipped"):
        load("selfie_square")


def test_a_shipped_file_that_is_gone_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(weights.HASHES, "lost", "0" * 64)
    with pytest.raises(BrokenModel, match=r"lost\.onnx is missing: install omote again"):
        load("lost")


def test_several_threads_at_once_get_what_one_gets() -> None:
    model = load("selfie_landscape")
    noise = np.random.default_rng(3).integers(0, 256, (8, 1, 144, 256, 3), np.uint8)
    alone = [model({"picture": picture})["alpha"] for picture in noise]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda picture: model({"picture": picture})["alpha"], noise))
    assert np.array_equal(together, alone)


def test_more_threads_give_the_same_alpha(tmp_path: Path) -> None:
    path = tmp_path / "selfie.onnx"
    path.write_bytes(shipped("selfie_square"))
    noise = np.random.default_rng(4).integers(0, 256, (1, 256, 256, 3), np.uint8)
    one, two = (OnnxModel(path, threads)({"picture": noise})["alpha"] for threads in (1, 2))
    assert np.allclose(one, two, atol=1e-4)


def test_free_sizes_are_warmed_up_with_a_guess(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    double = helper.make_node("Add", ["a", "a"], ["y"])
    shape: Shape = ["batch", 3, "height", "width"]
    model = OnnxModel(written(tmp_path / "free.onnx", [double], [shape], TensorProto.FLOAT))
    assert not caplog.records
    ones = np.ones((2, 3, 5, 7), np.float32)
    assert np.array_equal(model({"a": ones})["y"], ones * 2)


def test_free_sizes_that_hang_together_are_left_to_the_first_call(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    join = helper.make_node("MatMul", ["a", "b"], ["y"])
    shapes: list[Shape] = [["rows", "inner"], [4, "columns"]]
    with caplog.at_level(logging.WARNING):
        model = OnnxModel(written(tmp_path / "tied.onnx", [join], shapes, TensorProto.FLOAT))
    assert "first call will be slow" in caplog.text
    a, b = np.ones((2, 4), np.float32), np.ones((4, 3), np.float32)
    assert np.array_equal(model({"a": a, "b": b})["y"], a @ b)


def test_an_input_that_is_no_number_is_refused(tmp_path: Path) -> None:
    same = helper.make_node("Identity", ["a"], ["y"])
    path = written(tmp_path / "words.onnx", [same], [[1]], TensorProto.STRING)
    with pytest.raises(BrokenModel, match="loads but does not run"):
        load(str(path))
