"""Graphs with matrices of 8 bits: smaller, near the others, and measured by what they find."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from torch.onnx._internal._lazy_import import onnx_ir, onnxscript_apis

from gcl_cli.main import cli
from gcl_spec.evaluate.evaluation import evaluate
from gcl_spec.export.onnx import _samples
from gcl_spec.export.quantised import quantise, recall_of_both
from gcl_spec.progress import Quiet
from gcl_spec.run.loaded import encode_items
from gcl_spec.run.searches import searches_of

from .conftest import Made


def test_graphs_are_smaller_and_near(made: Made) -> None:
    assert [small.modality for small in made.exported.quantised] == ["image", "text"]
    for small in made.exported.quantised:
        before, after = small.megabytes
        assert after == (made.out / f"{small.modality}.int8.onnx").stat().st_size / 1e6
        assert after < 0.7 * before
        assert 0.95 < small.smallest_cosine < 1 - 1e-6


def test_reports_are_those_of_the_run_and_of_8_bits(made: Made) -> None:
    run = made.plain()
    searches = searches_of(run.config.model, made.data)
    own = evaluate(lambda items: encode_items(run, searches.root, items, Quiet()), searches.tasks)
    plain, small = recall_of_both(made.out, run.config, searches)
    assert made.exported.reports == (plain, small)
    assert plain.results == own.results
    assert small.geometry != plain.geometry
    about = json.loads((made.out / "onnx.json").read_text())
    assert about["hit@10"]["int8"]["global"] == small.average("global", "hit@10")
    assert about["int8"][0]["modality"] == "image"


@pytest.mark.parametrize(
    "words", [["--int8"], ["--onnx", "--data", "x"], ["--onnx", "--int8", "--data", "nowhere"]]
)
def test_options_that_do_not_fit(made: Made, words: list[str], tmp_path: Path) -> None:
    done = CliRunner().invoke(cli, ["export", str(made.run), str(tmp_path / "out"), *words])
    assert done.exit_code != 0
    assert not (tmp_path / "out").exists()


def test_a_graph_above_2_gb_has_its_weights_beside(made: Made, tmp_path: Path) -> None:
    """One file of ONNX holds no more: https://github.com/microsoft/onnxruntime/issues/11072."""
    for name in ("image", "text"):  # as torch.onnx saves what is large
        graph = onnx_ir.load(made.out / f"{name}.onnx")
        onnxscript_apis.save_model_with_external_data(graph, tmp_path / f"{name}.onnx")
    found = quantise(tmp_path, made.plain().config.model, [_samples(made.plain().config, 3)])
    for name in ("image", "text"):
        assert (tmp_path / f"{name}.int8.onnx.data").exists()
    for ours, other in zip(found, made.exported.quantised, strict=True):
        assert ours.megabytes == pytest.approx(other.megabytes, rel=0.1)
        assert 0.95 < ours.smallest_cosine < 1 - 1e-6
