"""`gcl eval --sweep`, in this process."""

import json
import shutil
from pathlib import Path

import pytest
from PIL import Image

from called import call_on_run
from fake import FakeBackend
from gcl_cli import calibrate, eval
from gcl_spec._files.locks import locked
from gcl_spec.errors import CheckpointError, DataError
from gcl_spec.evaluate.sweeps.result import Sweep
from gcl_spec.run.folder import RunFolder
from gcl_spec.train.training import run_training
from loop_config import fast


@pytest.fixture(scope="module")
def trained(data_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sweep")
    config = fast(data_folder, folder / "cache", "train.steps=2", "train.save_every=2")
    run_training(config, FakeBackend(), out=folder / "run")
    return folder / "run"


@pytest.fixture
def run(trained: Path, tmp_path: Path) -> Path:
    return shutil.copytree(trained, tmp_path / "run")


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twenty-one pictures with two captions each, of which one picture cannot be read."""
    folder = tmp_path_factory.mktemp("pairs")
    rows = []
    for n in range(22):
        Image.new("RGB", (8, 8), (11 * n, 255 - 11 * n, 7 * n)).save(folder / f"{n}.png")
        captions = [f"a tile {n}", f"number {n}"]
        rows.append({"id": str(n), "image": f"{n}.png", "captions": captions})
    (folder / "3.png").write_bytes(b"no picture")
    (folder / "train.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder


def test_a_sweep_of_pairs_is_printed_written_and_kept(
    run: Path, pairs: Path, tmp_path: Path
) -> None:
    file = tmp_path / "sweep.json"
    found = call_on_run(eval.command, run, "--sweep", "--data", pairs, "--json", file)
    assert "0:100:0" in found.output
    assert all(len(line) <= 80 for line in found.output.splitlines() if line.startswith(" "))
    assert "left out: " in found.output
    assert "3.png" in found.output
    assert "21 concepts in every pool" in found.output
    sweep = Sweep.from_json(json.loads(file.read_text()))
    assert RunFolder.open(run).sweep() == sweep
    assert dict(sweep.origin) == {"data": str(pairs), "step": "2"}
    page = (run / "report.html").read_text()
    assert page.count('class="tri"') == 7
    assert RunFolder.open(run).check() == []
    call_on_run(calibrate.command, run, "--only", "mean", "--data", pairs)
    again = call_on_run(eval.command, run, "--sweep", "--data", pairs, "--calibration", "mean")
    assert "report: " in again.output
    assert dict(RunFolder.open(run).sweep().origin)["calibration"] == "mean"
    assert "calibration mean" in (run / "report.html").read_text()
    # A training that ends again shows the sweep that is there.
    run_training(None, FakeBackend(), out=run, resume=True)
    assert "calibration mean" in (run / "report.html").read_text()


def test_what_cannot_be_swept(run: Path, data_folder: Path, tmp_path: Path) -> None:
    for option in ("--benchmark", "--trec", "--embeddings", "--against"):
        value = "mbeir" if option == "--benchmark" else tmp_path / "x"
        assert (
            f"--sweep has no {option};"
            in call_on_run(eval.command, run, "--sweep", option, value).output
        )
    both = call_on_run(eval.command, run, "--sweep", "--calibration", "all")
    assert both.exit_code == 2
    assert "one calibration by its name" in both.output
    with pytest.raises(DataError, match=r"tiles: 0 concepts .*name its samples"):
        call_on_run(eval.command, run, "--sweep", "--data", data_folder)
    with pytest.raises(DataError, match=r"train.jsonl: 4 concepts .* at least 20"):
        call_on_run(eval.command, run, "--sweep", "--data", data_folder / "train.jsonl")


def test_what_is_not_kept_is_said(run: Path, pairs: Path) -> None:
    args = ("--sweep", "--data", pairs)
    with locked(run):
        found = call_on_run(eval.command, run, *args)
    assert "warning: not kept in" in found.output
    assert "another process writes" in found.output
    assert not (run / "sweep.json").exists()
    (run / "report.html").write_text("<p>older</p>")
    RunFolder(run).write("report.html", "<p>older</p>")
    assert "older version" in call_on_run(eval.command, run, *args).output
    (run / "report.html").unlink()
    assert "when the training has ended" in call_on_run(eval.command, run, *args).output
    (run / "sweep.json").write_text("{}")
    with pytest.raises(CheckpointError, match=r"remove it, and gcl eval .* --sweep"):
        call_on_run(eval.command, run, *args)
    # It ends no training.
    run_training(None, FakeBackend(), out=run, resume=True)
    assert 'id="sweep"></section>' in (run / "report.html").read_text()
    (run / "checksums.json").unlink()
    found = call_on_run(eval.command, run, *args, "--allow-unverified")
    assert "which has no checksums.json" in found.output
