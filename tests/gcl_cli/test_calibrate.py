"""`gcl calibrate` and `gcl eval --calibration`, in this process."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from called import call, call_on_run
from fake import FakeBackend
from gcl_cli import calibrate, eval
from gcl_spec.errors import CheckpointError, ConfigError
from gcl_spec.evaluate.calibrations import read
from gcl_spec.evaluate.calibrations.rows import mean_row
from gcl_spec.progress import Quiet
from gcl_spec.run.calibrated import training_rows
from gcl_spec.run.loaded import load_run
from gcl_spec.train.training import run_training
from loop_config import fast
from trained import trained_run


@pytest.fixture(scope="module")
def run(data_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("calibrate")
    config = fast(data_folder, folder / "cache", "train.steps=2", "train.save_every=2")
    run_training(config, FakeBackend(), out=folder / "run")
    return folder / "run"


def test_fit_then_evaluate(run: Path, data_folder: Path, tmp_path: Path) -> None:
    data = ("--data", data_folder)
    assert (
        "fit them: gcl calibrate" in call_on_run(eval.command, run, "--calibration", "all").output
    )
    with pytest.raises(CheckpointError, match="has no calibration 'mean'"):
        call_on_run(eval.command, run, *data, "--calibration", "mean")
    out = call_on_run(calibrate.command, run, "--only", "mean", "--only", "cfu+bank").output
    assert "cfu+bank  centres images and texts, then fuses them, then takes off" in out
    assert "fitted on" in out
    file = tmp_path / "all.json"
    out = call_on_run(eval.command, run, *data, "--calibration", "all", "--json", file).output
    assert "Global pool, percent" in out
    assert "not fitted: cfu, bank, standard, realign, whiten" in out
    reports = json.loads(file.read_text())["calibrations"]
    assert [*reports] == ["none", "mean", "cfu+bank"]
    one = tmp_path / "one.json"
    call_on_run(eval.command, run, *data, "--calibration", "mean", "--json", one)
    assert json.loads(one.read_text()) == reports["mean"]


def test_a_folder_of_seeds(run: Path, data_folder: Path, tmp_path: Path) -> None:
    fresh = shutil.ignore_patterns("calibrations")
    one = shutil.copytree(run, tmp_path / "seed-0", ignore=fresh)
    assert call_on_run(calibrate.command, one, "--only", "mean").exit_code == 0
    two = shutil.copytree(one, tmp_path / "seed-1")
    assert call_on_run(calibrate.command, two, "--only", "cfu").exit_code == 0
    every = ("--calibration", "all", "--json", tmp_path / "all.json")
    out = call_on_run(eval.command, tmp_path, "--data", data_folder, *every).output
    table = [line.split() for line in out.splitlines() if " +- " in line]
    assert [row[0] for row in table[1:]] == ["none", "mean"]
    assert all(row[3] == row[6] == "0.00" for row in table[1:]), "the runs are copies"
    assert "not fitted for all seeds: cfu" in out
    assert "not fitted: bank, standard, realign, whiten, cfu+bank" in out
    found = json.loads((tmp_path / "all.json").read_text())["seeds"]
    assert found["seed-0"]["calibrations"]["mean"] == found["seed-1"]["calibrations"]["mean"]
    out = call_on_run(eval.command, tmp_path, "--data", data_folder, "--calibration", "mean").output
    assert "percent, mean +- deviation over 2 seeds" in out
    assert "give one of them, such as" in call_on_run(eval.command, tmp_path, "--sweep").output


def test_what_cannot_be(run: Path, data_folder: Path) -> None:
    with pytest.raises(ConfigError, match=r"no calibration 'means' .*; did you mean mean"):
        call_on_run(calibrate.command, run, "--only", "means")
    options = ("--data", data_folder, "--calibration", "all", "--against", run)
    assert "--calibration all has no" in call_on_run(eval.command, run, *options).output


def test_queries_of_their_own(run: Path, data_folder: Path, tmp_path: Path) -> None:
    """The means of queries are those of the searches, which are texts alone."""
    copy = shutil.copytree(run, tmp_path / "run")
    rows = [
        {"id": str(n), "captions": [f"a {name} tile"]} for n, name in enumerate(["red", "blue"])
    ]
    (tmp_path / "rows").mkdir()
    lines = "".join(json.dumps(row) + "\n" for row in rows)
    (tmp_path / "rows" / "train.jsonl").write_text(lines)
    options = ("--only", "mean", "--only", "bank", "--queries", tmp_path / "rows")
    out = call_on_run(calibrate.command, copy, *options).output
    assert "fitted on 24 image, 24 text, 24 image+text; queries: 2 text:" in out.replace("\n", "")
    chain, origin = read(copy / "calibrations" / "mean.safetensors")
    assert origin.rows["query/text"] == 2
    means = chain.arrays()
    assert "0/query/image" not in means
    loaded = load_run(copy, backend="fake:FakeBackend")
    asked, _ = training_rows(loaded, Quiet(), data=str(tmp_path / "rows"))
    np.testing.assert_array_equal(means["0/query/text"], mean_row(asked["text"].whole))
    for name in ("mean", "bank"):
        call_on_run(eval.command, copy, "--data", data_folder, "--calibration", name)


def test_the_biases_of_a_run_need_no_rows(run: Path, data_folder: Path, tmp_path: Path) -> None:
    reason = "was trained without a bias"
    with pytest.raises(ConfigError, match=reason):
        call_on_run(calibrate.command, run, "--only", "bias")
    with pytest.raises(ConfigError, match=reason):
        call_on_run(eval.command, run, "--data", data_folder, "--calibration", "bias")
    assert "bias" not in call_on_run(calibrate.command, run).output
    trained_run(tmp_path / "run", "objective.bias=pair")
    out = call(calibrate.command, tmp_path / "run", "--only", "bias", "--allow-unverified").output
    assert "bias  adds the run's own bias of the query's and candidate's modalities" in out
    assert "made of the run's own numbers:" in out
    for option in (("--data", data_folder), ("--queries", data_folder), ("--rows", 8)):
        words = ("--only", "bias", "--allow-unverified", *option)
        with pytest.raises(ConfigError, match=f"{option[0][2:]} is given, and bias is made of"):
            call(calibrate.command, tmp_path / "run", *words)
