"""`gcl eval --quantise` and `--dims`, in this process."""

import json
import shutil
from pathlib import Path

import pytest

from called import call_on_run
from fake import FakeBackend
from gcl_cli import calibrate, eval
from gcl_spec._files.locks import locked
from gcl_spec.errors import CheckpointError, InputError
from gcl_spec.evaluate.evaluation import evaluate
from gcl_spec.evaluate.small.curve import Curve
from gcl_spec.evaluate.small.forms import QUANTISED
from gcl_spec.progress import Quiet
from gcl_spec.run.folder import RunFolder
from gcl_spec.run.loaded import encode_items, load_run
from gcl_spec.run.searches import searches_of
from gcl_spec.train.training import run_training
from loop_config import fast


@pytest.fixture(scope="module")
def trained(data_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("small")
    more = ("train.steps=2", "train.save_every=2", "model.width=16")
    run_training(fast(data_folder, folder / "cache", *more), FakeBackend(), out=folder / "run")
    return folder / "run"


@pytest.fixture
def run(trained: Path, tmp_path: Path) -> Path:
    return shutil.copytree(trained, tmp_path / "run")


def test_a_curve_is_printed_and_written(run: Path, data_folder: Path, tmp_path: Path) -> None:
    file = tmp_path / "curve.json"
    args = ("--data", data_folder, "--quantise", "all", "--dims", "8, 8", "--json", file)
    found = call_on_run(eval.command, run, *args)
    assert found.output.splitlines()[0].strip() == "hit@10 by bytes a vector, percent"
    rows = [line.split() for line in found.output.splitlines()]
    assert [row[1:3] for row in rows if row[:1] == ["binary"]][:2] == [["8", "1"], ["16", "2"]]
    assert "binary+int8: the first 40 of binary" in found.output
    assert all(len(line) <= 80 for line in found.output.splitlines() if line.startswith(" "))
    curve = json.loads(file.read_text())
    assert len(curve["measured"]) == 12
    assert curve["measured"][-1]["form"] == "float32"
    loaded = load_run(run, backend="fake:FakeBackend")
    root, tasks, _ = searches_of(loaded.config.model, data_folder)
    report = evaluate(lambda items: encode_items(loaded, root, items, Quiet()), tasks)
    for pool in ("local", "global"):
        found_there = curve["measured"][-1]["hit@10"][pool]["average"]
        assert found_there == report.average(pool, "hit@10")


def test_the_run_keeps_the_curve_and_its_page_shows_it(
    run: Path, data_folder: Path, tmp_path: Path
) -> None:
    file = tmp_path / "curve.json"
    args = ("--data", data_folder, "--dims", "8")
    both = ("--quantise", "int8", "--quantise", "binary")
    found = call_on_run(eval.command, run, *args, *both, "--json", file)
    assert f"report: {run / 'report.html'}" in found.output
    kept = RunFolder.open(run).curve()
    assert kept == Curve.from_json(json.loads(file.read_text()))
    assert {one.form for one in kept.measured} == {"float32", *QUANTISED["binary"], "int8"}
    assert dict(kept.origin) == {"data": str(data_folder), "step": "2"}
    page = (run / "report.html").read_text()
    assert "<h2>Small vectors</h2>" in page
    assert RunFolder.open(run).check() == []
    call_on_run(calibrate.command, run, "--only", "mean", "--data", data_folder)
    call_on_run(eval.command, run, *args, "--calibration", "mean")
    assert "calibration mean" in (run / "report.html").read_text()
    assert "binary" not in (run / "report.html").read_text()
    # A training that ends again shows the curve that is there.
    run_training(None, FakeBackend(), out=run, resume=True)
    assert "calibration mean" in (run / "report.html").read_text()


def test_what_is_not_kept_is_said(run: Path, data_folder: Path) -> None:
    args = ("--data", data_folder, "--dims", "8")
    with locked(run):
        assert "warning: not kept in" in call_on_run(eval.command, run, *args).output
    assert RunFolder.open(run).curve() is None
    RunFolder(run).write("report.html", "<p>older</p>")
    assert "older version" in call_on_run(eval.command, run, *args).output
    (run / "small.json").write_text("{}")
    with pytest.raises(CheckpointError, match=r"remove it, and gcl eval .* --quantise all"):
        call_on_run(eval.command, run, *args)
    # It ends no training.
    run_training(None, FakeBackend(), out=run, resume=True)
    assert 'id="small"></section>' in (run / "report.html").read_text()


def test_widths_alone_and_after_a_calibration(run: Path, data_folder: Path) -> None:
    plain = call_on_run(eval.command, run, "--data", data_folder, "--dims", "12")
    assert [line.split()[:3] for line in plain.output.splitlines()[4:6]] == [
        ["float32", "12", "48"], ["float32", "16", "64"],
    ]  # fmt: skip
    call_on_run(calibrate.command, run, "--only", "mean", "--only", "bank", "--data", data_folder)
    args = ("--data", data_folder, "--quantise", "binary", "--calibration")
    assert "binary+bits" in call_on_run(eval.command, run, *args, "mean").output
    with pytest.raises(InputError, match="'bank' appends numbers to rows"):
        call_on_run(eval.command, run, *args, "bank")


def test_what_is_refused_before_the_model_is_loaded(run: Path, tmp_path: Path) -> None:
    def said(*args: object) -> str:
        found = call_on_run(eval.command, run, *args)
        assert found.exit_code == 2
        return " ".join(found.output.split())

    for dims in ("0", "x", "-8", "64,", "8.5", "64 128", "٨"):
        assert "is no number of dims; wanted such as 64,128" in said("--dims", dims)
    assert "12 dims are no whole bytes as binary" in said("--quantise", "binary", "--dims", "8,12")
    assert "'int4' is not one of" in said("--quantise", "int4")
    for option in ("--benchmark", "--trec", "--embeddings", "--against"):
        value = "mbeir" if option == "--benchmark" else tmp_path / "x"
        assert f"--quantise has no {option};" in said("--quantise", "int8", option, value)
    assert "--sweep has no --quantise, --dims" in said("--sweep", "--quantise", "int8", "--dims", 8)
    assert "--dims takes one calibration" in said("--dims", "8", "--calibration", "all")


def test_a_width_above_the_models_is_refused(run: Path, data_folder: Path) -> None:
    with pytest.raises(InputError, match="rows of 16 numbers cannot be cut to 64"):
        call_on_run(eval.command, run, "--data", data_folder, "--dims", "8,64")
