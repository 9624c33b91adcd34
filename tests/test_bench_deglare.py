"""`omote bench deglare`: any pairs are judged, beside what is nothing special."""

import json
from pathlib import Path

import cv2
import numpy as np
import onnx
import typer
from onnx import TensorProto, helper
from typer.testing import CliRunner, Result

from omote.engines.onnx import load
from omote.engines.training.contest import interval, scored
from omote.engines.training.scores import psnr
from omote.engines.training.suppressor import suppressed
from omote.server.bench import app
from omote.server.bench.deglare import Product
from omote.server.run import run

ASTRONAUT = Path(__file__).parent / "data" / "astronaut.jpg"


def constant(path: Path, excess: float) -> Path:
    """A net that is sure of the same excess everywhere."""
    nodes = [
        helper.make_node("Cast", ["picture"], ["values"], to=TensorProto.FLOAT),
        helper.make_node("Mul", ["values", "none"], ["zeros"]),
        helper.make_node("Add", ["zeros", "excess_value"], ["excess"]),
        helper.make_node("ReduceMean", ["zeros"], ["zero"], axes=[3], keepdims=1),
        helper.make_node("Add", ["zero", "sure"], ["certainty"]),
    ]
    values = {"none": 0.0, "excess_value": excess, "sure": 1.0}
    numbers = [helper.make_tensor(n, TensorProto.FLOAT, [], [v]) for n, v in values.items()]
    given, much, sure = (
        helper.make_tensor_value_info(name, kind, [1, "h", "w", channels])
        for name, kind, channels in (
            ("picture", TensorProto.UINT8, 3),
            ("excess", TensorProto.FLOAT, 3),
            ("certainty", TensorProto.FLOAT, 1),
        )
    )
    graph = helper.make_graph(nodes, "constant", [given], [much, sure], numbers)
    opset = helper.make_opsetid("", 17)
    path.write_bytes(
        helper.make_model(graph, opset_imports=[opset], ir_version=8).SerializeToString()
    )
    onnx.checker.check_model(str(path))
    return path


def judged(folder: Path, excess: float) -> Result:
    """A picture that is 40 levels too bright, and one that is as it should be."""
    truth = cv2.imread(str(ASTRONAUT))
    assert truth is not None
    truth = np.minimum(truth, 200).astype(np.uint8)
    cv2.imwrite(str(folder / "truth.png"), truth)
    cv2.imwrite(str(folder / "bright.png"), truth + 40)
    pairs = [
        (str(folder / shown), str(folder / "truth.png")) for shown in ("bright.png", "truth.png")
    ]
    order = ["deglare", "--model", str(constant(folder / "net.onnx", excess)), "--json"]
    order += ["--pair", *pairs[0], "--pair", *pairs[1], "--sheet", str(folder / "sheet.png")]
    return CliRunner().invoke(app, order)


def test_pairs_are_judged_with_the_baselines_beside(tmp_path: Path) -> None:
    result = judged(tmp_path, 40.1)
    assert result.exit_code == 0, result.output
    report = json.loads(result.stdout)
    bright = {name: scores[0] for name, scores in report["cases"].items()}
    assert set(bright) == {"input", "affine oracle", "classical", "omote"}
    assert bright["omote"]["psnr"] > bright["input"]["psnr"] + 20
    assert bright["affine oracle"]["psnr"] > bright["input"]["psnr"] + 20
    assert bright["omote"]["aligned"] > 45 and bright["input"]["aligned"] == 60
    spoilt = {name: scores[1] for name, scores in report["cases"].items()}
    assert spoilt["input"]["psnr"] == 60 and spoilt["omote"]["psnr"] < 20
    assert report["stream"]["looked_p50_ms"] > 0
    assert {bar["bar"] for bar in report["bars"]} >= {"composites: PSNR gained, dB"}
    sheet = cv2.imread(str(tmp_path / "sheet.png"))
    assert sheet is not None and sheet.shape == (144, 2048, 3)


def test_a_missing_net_and_a_missing_picture_are_named(tmp_path: Path) -> None:
    nothing = CliRunner().invoke(app, ["deglare", "--model", str(tmp_path / "no.onnx")])
    assert nothing.exit_code == 2 and "check the path" in nothing.output
    net = constant(tmp_path / "net.onnx", 0)
    order = ["deglare", "--model", str(net), "--pair", str(tmp_path / "no.png"), "x.png"]
    missing = CliRunner().invoke(app, order)
    assert missing.exit_code == 2 and "no picture" in missing.output
    alone = CliRunner().invoke(app, order[:-1])
    assert alone.exit_code == 2 and "INPUT TRUTH" in alone.output


def test_what_is_judged_of_a_pair_is_what_omote_run_writes(tmp_path: Path) -> None:
    read = cv2.resize(np.asarray(cv2.imread(str(ASTRONAUT))), (301, 201))
    veiled = np.asarray(read * 0.6 + 90, np.uint8)
    cv2.imwrite(str(tmp_path / "in.png"), veiled)
    writer = typer.Typer()
    writer.command()(run)
    order = [str(tmp_path / "in.png"), str(tmp_path / "out.png"), "--effects", "deglare"]
    result = CliRunner().invoke(writer, order)
    assert result.exit_code == 0, result.output
    judged = Product(load("deglare"))(np.ascontiguousarray(veiled[..., ::-1]))
    written = np.asarray(cv2.imread(str(tmp_path / "out.png")))[..., ::-1]
    assert judged.shape == written.shape == (201, 301, 3)
    assert psnr(judged, np.asarray(written, np.uint8)) > 40


def test_the_suppressor_drops_weak_slopes_and_keeps_strong_ones() -> None:
    picture = np.full((64, 64, 3), 100, np.uint8)
    picture[:, 32:] = 200
    picture[:, 4:20:2] += 4
    result = suppressed(picture)
    assert np.ptp(result[8:56, 2:28].astype(int)) <= 2
    assert result[:, 40:].mean() - result[:, :24].mean() > 90


def test_scores_say_what_alignment_forgives() -> None:
    truth = np.random.default_rng(0).integers(0, 150, (48, 64, 3), np.uint8)
    score = scored("veil", truth + 60, truth)
    assert score.psnr < 15 and score.aligned > 50
    assert score.gradient < 1e-3


def test_the_interval_holds_the_mean_and_narrows_with_more_pictures() -> None:
    gains = np.random.default_rng(0).normal(1, 1, 400)
    low, high = interval(gains[:40].tolist())
    assert low < gains[:40].mean() < high
    closer = interval(gains.tolist())
    assert closer[1] - closer[0] < high - low
