"""A whole run on shards, and one on vectors: bad samples are listed in its folder."""

import json
import shutil
import tarfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fake import FakeBackend
from gcl_spec.config.options import Config
from gcl_spec.config.toml import loads
from gcl_spec.data.root import FolderRoot
from gcl_spec.errors import ConfigError, DataError
from gcl_spec.run.folder import RunFolder
from gcl_spec.train import data
from gcl_spec.train.data import TrainingData
from gcl_spec.train.training import run_training
from loop_config import Said
from tiles_on_disk import write_data


def options(path: Path, *more: str) -> Config:
    return loads(
        "",
        [
            f"data.path='{path}'", f"data.cache='{path.parent / 'cache'}'", "model.width=4",
            "model.image_size=32", "train.steps=8", "train.batch_size=6", "train.log_every=2",
            "train.save_every=4", "optim.lr=0.01", "optim.warmup_steps=2", *more,
        ],
    )  # fmt: skip


def write_shard(folder: Path) -> Path:
    """The pictures of `write_data` as a shard, one of them broken, beside the tasks."""
    write_data(folder)
    lines = [json.loads(line) for line in (folder / "train.jsonl").read_text().splitlines()]
    (folder / "train.jsonl").unlink()
    with tarfile.open(folder / "00000.tar", "w") as archive:
        for line in lines:
            if line["id"] == "9":
                (folder / "9.png").write_bytes(b"no picture")
            (folder / "text").write_text(line["captions"][0])
            archive.add(folder / line["image"], f"{line['id']}.png")
            archive.add(folder / "text", f"{line['id']}.txt")
    return folder


def test_a_run_on_shards(tmp_path: Path) -> None:
    folder = write_shard(tmp_path / "tiles")
    with pytest.raises(DataError, match="1 of 24 samples met so far are bad"):
        run_training(options(folder), FakeBackend(), tmp_path / "strict")
    made = run_training(options(folder, "data.max_bad=0.1"), FakeBackend(), tmp_path / "run")
    (line,) = (made.path / "bad_samples.jsonl").read_text().splitlines()
    record = json.loads(line)
    assert (record["id"], record["place"]) == ("9", f"{folder}/00000.tar: 9")
    assert "not a readable picture" in record["reason"]
    metrics = RunFolder.open(made.path).metrics()
    assert metrics[-1]["loss"] < metrics[0]["loss"]


@pytest.mark.parametrize("tasks", ["tasks", "val_tasks"])
def test_searches_that_are_not_read_are_named(
    tasks: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, said = write_data(tmp_path / "tiles"), Said()
    shutil.rmtree(folder / "tasks")
    monkeypatch.setattr(data, "open_root", lambda name: FolderRoot(write_data(tmp_path / name)))
    config = options(folder, f"eval.tasks='{tasks}'")
    trainer = FakeBackend().trainer(config, device="cpu", state=None)
    with TrainingData(config, trainer, said) as opened:
        assert opened.test_root.name == str(tmp_path / {"tasks": "starter"}.get(tasks, "tiles"))
    notes = [line for line in said.lines if "starter set's" in line]
    assert len(notes) == (tasks == "tasks")
    assert all("eval.tasks=val_tasks evaluates on its val_tasks/" in note for note in notes)


def test_a_run_on_vectors(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    np.savez(tmp_path / "v.npz", image=rng.normal(size=(90, 3)), text=rng.normal(size=(90, 8)))
    lite = options(tmp_path / "v.npz")
    with pytest.raises(ConfigError, match="holds vectors: use --recipe adapter"):
        run_training(lite, FakeBackend(), tmp_path / "run")
    adapter = replace(lite, model=replace(lite.model, kind="adapter"))
    choosing = replace(adapter, eval=replace(adapter.eval, tasks="val_tasks"))
    with pytest.raises(ConfigError, match="vectors have no validation tasks"):
        run_training(choosing, FakeBackend(), tmp_path / "run")
    made = run_training(adapter, FakeBackend(), tmp_path / "run")
    run_training(
        adapter, FakeBackend(), tmp_path / "run", resume=True
    )  # its widths are those of the data
    assert (made.config().model.image_vector, made.config().model.text_vector) == (3, 8)
    assert not (made.path / "bad_samples.jsonl").exists()
    found = made.report("after").average("local", "hit@10")
    assert 0 < found <= 1
    assert "data:image/webp" in (made.path / "report.html").read_text()


def test_a_run_that_bad_data_stopped_goes_on_once_they_are_mended(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    image, text = rng.normal(size=(60, 3)), rng.normal(size=(60, 8))
    made = options(tmp_path / "v.npz", "train.save_every=1", "train.steps=20")
    config = replace(made, model=replace(made.model, kind="adapter"))

    def write(broken: bool) -> None:
        np.savez(tmp_path / "v.npz", image=image * ~(np.arange(60) % 5 == 0)[:, None] if broken
                 else image, text=text)  # fmt: skip

    write(broken=True)
    with pytest.raises(DataError, match="samples met so far are bad"):
        run_training(config, FakeBackend(), tmp_path / "run")
    with pytest.raises(DataError, match="samples met so far are bad"):
        run_training(None, FakeBackend(), tmp_path / "run", resume=True)
    write(broken=False)
    resumed = run_training(None, FakeBackend(), tmp_path / "run", resume=True)
    assert resumed.metrics()[-1]["step"] == 20


def test_a_run_does_not_go_on_with_other_data(tmp_path: Path) -> None:
    folder = write_data(tmp_path / "tiles")
    made = run_training(options(folder), FakeBackend(), tmp_path / "run")
    kept = (made.path / "metrics.jsonl").read_text()
    text = (folder / "train.jsonl").read_text()
    (folder / "train.jsonl").write_text(text.replace("a red tile 4", "a red tile 5"))
    with pytest.raises(DataError, match="other rows or files than when the run was started"):
        run_training(None, FakeBackend(), tmp_path / "run", resume=True)
    (folder / "train.jsonl").write_text(text)
    run_training(None, FakeBackend(), tmp_path / "run", resume=True)
    assert (made.path / "metrics.jsonl").read_text() == kept
