"""The loop: what it writes, what it never leaves behind, and exact resume after kill -9."""

import json
import re
import shutil
from pathlib import Path
from unittest.mock import Mock

import pytest

from fake import FakeBackend, FakeTrainer
from gcl_spec.config.options import Config
from gcl_spec.errors import InputError, TrainingError
from gcl_spec.report.space_sections import RANK
from gcl_spec.run.folder import RunFolder
from gcl_spec.train.training import dry_run, run_training
from loop_config import fast, numbers, state


@pytest.fixture
def config(data_folder: Path, tmp_path: Path) -> Config:
    return fast(data_folder, tmp_path / "cache")


def test_a_run_writes_all_it_promises(config: Config, tmp_path: Path) -> None:
    folder = run_training(config, FakeBackend(), tmp_path / "run").path
    found = sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())
    assert found == [
        "after.json", "before.json", "checkpoints/step-00000015.safetensors",
        "checkpoints/step-00000020.safetensors", "checksums.json", "config.toml", "data.json",
        "examples.json", "metrics.jsonl", "report.html", "run-id", "space.json",
    ]  # fmt: skip
    assert RunFolder.open(folder).config() == config
    lines = numbers(folder)
    assert [line["step"] for line in lines] == [3, 6, 9, 12, 15, 18, 20]
    assert lines[-1]["loss"] < lines[0]["loss"]
    assert lines[0]["epoch"] == 0
    assert lines[-1]["epoch"] == 4
    assert [p.name for p in tmp_path.iterdir() if p.name.startswith(".")] == []


def test_validation_during_training(config: Config, tmp_path: Path) -> None:
    from dataclasses import replace

    config = replace(config, train=replace(config.train, eval_every=8))
    folder = run_training(config, FakeBackend(), tmp_path / "run").path
    assert [line["step"] for line in numbers(folder) if "val_hit@10" in line] == [8, 16]
    ranks = [line[RANK] for line in numbers(folder) if RANK in line]
    assert len(ranks) == 2
    assert all(rank >= 1 for rank in ranks)
    assert "Effective rank of the validation items" in (folder / "report.html").read_text()


def test_the_same_config_gives_the_same_run(config: Config, tmp_path: Path) -> None:
    one, two = (run_training(config, FakeBackend(), tmp_path / name).path for name in "ab")
    assert numbers(one) == numbers(two)
    assert (one / "after.json").read_text() == (two / "after.json").read_text()


def test_nan_stops_and_keeps_the_last_checkpoint(
    config: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAKE_NAN", "9")
    with pytest.raises(TrainingError, match=r"step 9 \(lr .*\): loss is nan"):
        run_training(config, FakeBackend(), tmp_path / "run")
    assert int(state(tmp_path / "run")["step"]) == 5
    monkeypatch.delenv("FAKE_NAN")
    run_training(None, FakeBackend(), tmp_path / "run", resume=True)
    whole = run_training(config, FakeBackend(), tmp_path / "whole").path
    assert numbers(tmp_path / "run") == numbers(whole)


def test_a_batch_without_a_pair_is_the_datas_fault(config: Config, tmp_path: Path) -> None:
    """Samples with a picture or a caption each, but none with both: no learning rate helps."""
    from dataclasses import replace

    folder = tmp_path / "unpaired"
    shutil.copytree(config.data.path, folder)
    lines = [json.loads(line) for line in (folder / "train.jsonl").read_text().splitlines()]
    for n, line in enumerate(lines):
        if n % 2:
            del line["image"]
        else:
            line["captions"] = []
    (folder / "train.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    config = replace(config, data=replace(config.data, path=str(folder)))
    for call in (lambda: run_training(config, FakeBackend(), tmp_path / "run"),
                 lambda: dry_run(config, FakeBackend())):  # fmt: skip
        with pytest.raises(TrainingError) as raised:
            call()
        message = str(raised.value)
        assert "stopped at step 1: no valid pair is left" in message
        assert re.search(r"samples '\d+', '\d+', '\d+' and 3 more", message)
        assert f"{folder}: train.jsonl" in message
        assert "train.batch_size" in message
        assert "optim.lr" not in message


@pytest.mark.parametrize("error", [InputError("rows 3 of 'text' hold NaN or Inf"), None])
def test_numbers_that_explode_are_the_learning_rates(
    config: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: InputError | None
) -> None:
    if error is None:
        monkeypatch.setenv("FAKE_NAN", "3")
    else:
        monkeypatch.setattr(FakeTrainer, "step", Mock(side_effect=error))
    with pytest.raises(TrainingError, match=r"NaN|nan") as raised:
        run_training(config, FakeBackend(), tmp_path / "run")
    assert f"step {3 if error is None else 1} (lr" in str(raised.value)
    assert "lower optim.lr or a lower optim.max_scale" in str(raised.value)
    assert "train.jsonl" not in str(raised.value)
