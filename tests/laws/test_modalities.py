"""Runs on two modalities, and on a third one that nobody has heard of, from data to evaluation."""

import json
import shutil
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from gcl_cli.main import cli
from gcl_spec import load_run
from gcl_spec.backend import TrainingBackend
from gcl_spec.config.options import DataConfig
from gcl_spec.config.toml import load
from gcl_spec.data.open import open_source
from gcl_spec.errors import DataError, InputError
from gcl_spec.evaluate.evaluation import evaluate
from gcl_spec.registry import load_training
from gcl_spec.run import checkpoint
from gcl_spec.run.folder import RunFolder
from gcl_spec.run.loaded import vector_searches
from gcl_spec.train.training import run_training
from pieces import write

AUDIO = ("image", "text", "audio", "text+audio")
WIDTHS = {"image": 9, "text": 6, "audio": 5}
TWO = 'model.modalities=["image", "text"]'


@pytest.fixture
def trains(backend_name: str) -> TrainingBackend:
    return load_training(backend_name)


def write_task(folder: Path, queries: list[dict[str, str]], found: list[dict[str, str]]) -> None:
    folder.mkdir(parents=True)
    for name, items in (("queries", queries), ("candidates", found)):
        lines = [json.dumps({"id": f"{name}{n}", **item}) for n, item in enumerate(items)]
        (folder / f"{name}.jsonl").write_text("\n".join(lines))
    rows = [f"queries{n}\tcandidates{n}" for n in range(len(queries))]
    (folder / "qrels.tsv").write_text("\n".join(rows))


def test_tiny_on_two_modalities(trains: TrainingBackend, tmp_path: Path) -> None:
    data = write(tmp_path / "data", 16)
    pictures = [{"image": f"{n}.png"} for n in range(4)]
    texts = [{"text": f"other {n}"} for n in range(4)]
    write_task(data / "tasks/t2i", texts, pictures)
    pairs = [{**a, **b} for a, b in zip(pictures, texts, strict=True)]
    write_task(data / "tasks/i2it", pictures, pairs)
    sets = [
        TWO, "objective.preset=clip", f"data.path='{data}'", f"data.cache='{tmp_path / 'c'}'",
        "train.batch_size=8", "train.steps=2", "data.workers=0", "eval.batch_size=8",
    ]  # fmt: skip
    run = run_training(load(recipe="tiny", overrides=sets), trains, tmp_path / "run")
    after = run.report("after")
    assert after.kinds() == ("text->image",)
    assert not any("+" in key for key in after.geometry)
    assert {x.query.modality for x in run.examples()} == {"text"}
    assert not any("+" in key for line in run.metrics() for key in line)
    loaded = load_run(run.path, backend=trains.name)
    rows = loaded.encode(image=[str(data / "0.png"), None], text=[None, "a dog"])
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-5)
    with pytest.raises(InputError, match=r"image and text: .* but of image, text$"):
        loaded.encode(image=[str(data / "0.png")], text=["a dog"])
    with pytest.raises(InputError, match="no modality 'audio'; this run takes image, text"):
        loaded.encode(audio=[np.ones(3)])


def write_audio(path: Path, rows: int = 60) -> Path:
    """Vectors of three modalities that belong together; some rows lack one of them."""
    rng = np.random.default_rng(0)
    shared = rng.normal(size=(rows, 4))
    arrays = {n: (shared @ rng.normal(size=(4, w))).astype("f4") for n, w in WIDTHS.items()}
    arrays["audio"][::7] = np.nan
    if path.suffix == ".npz":
        np.savez(path, **arrays)
        return path
    missing = {n: np.isnan(x).any(axis=1) for n, x in arrays.items()}
    lists = {
        n: pa.array([None if gone else row for gone, row in zip(missing[n], x, strict=True)])
        for n, x in ((n, x.tolist()) for n, x in arrays.items())
    }
    pq.write_table(pa.table({"sound" if n == "audio" else n: x for n, x in lists.items()}), path)
    return path


def audio_options(path: Path, *more: str) -> list[str]:
    return [
        f"model.modalities={list(AUDIO)}".replace("'", '"'), f"data.path='{path}'",
        "model.width=8", "model.hidden=16", "train.batch_size=16", "train.steps=4",
        "train.save_every=2", "eval.batch_size=64", "data.holdout=0.3", *more,
    ]  # fmt: skip


@pytest.mark.parametrize("kind", ["npz", "parquet"])
def test_an_adapter_of_audio(trains: TrainingBackend, tmp_path: Path, kind: str) -> None:
    """It is trained, kept, resumed, loaded and evaluated as any other."""
    path = write_audio(tmp_path / f"v.{kind}")
    column = ["data.columns.others.audio=sound"] if kind == "parquet" else []
    config = load(recipe="adapter", overrides=audio_options(path, *column))
    run = run_training(config, trains, tmp_path / "run")
    assert run.config().model.vectors == {"audio": 5}
    kinds = set(run.report("after").kinds())
    assert {"text->audio", "image->audio+text", "audio+text->image"} <= kinds
    assert "distance of audio and text means" in run.report("after").geometry
    metrics = run.metrics()[-1]
    assert {"loss/text+audio->image", "loss/audio->text", "gap/cosine/audio,text"} <= metrics.keys()
    loaded = load_run(run.path, backend=trains.name)
    rows = loaded.encode(text=np.ones((2, 6)), audio=[np.ones(5), None])
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-5)
    assert np.abs(rows[0] - rows[1]).max() > 1e-3, "fused, and the text alone"
    assert evaluate(*vector_searches(loaded)).value("text->audio", "local", "hit@10") > 0
    check_resumed(run, trains, tmp_path / "again")


def check_resumed(run: RunFolder, backend: TrainingBackend, again: Path) -> None:
    """A run that goes on from its middle ends at the same weights."""
    shutil.copytree(run.path, again)
    for name in ("after.json", "report.html", "checkpoints/step-00000004.safetensors"):
        (again / name).unlink()
    run_training(None, backend, again, resume=True)
    want = checkpoint.newest(run.checkpoints).state
    for name, x in checkpoint.newest(again / "checkpoints").state.items():
        np.testing.assert_array_equal(x, want[name], err_msg=name)


def test_what_an_adapter_of_audio_refuses(tmp_path: Path) -> None:
    path = write_audio(tmp_path / "v.npz")
    backend = load_training("torch")
    run = run_training(
        load(recipe="adapter", overrides=audio_options(path)), backend, tmp_path / "r"
    )
    loaded = load_run(run.path)
    for parts, message in (
        ({"video": [np.ones(5)]}, "no modality 'video'; this run takes image, text, audio"),
        ({"audio": [np.ones(4)]}, "audio 0 is no vector of 5 numbers"),
        ({"audio": ["bark.wav"]}, "audio 0 is no vector of 5 numbers"),
        ({"audio": [np.zeros(5)]}, "audio 0 has norm 0"),
        ({"audio": [None]}, "sample 0 has no vector"),
        ({"audio": np.ones((1, 5)), "image": np.ones((1, 9))}, "sample 0 has image and audio"),
        ({"audio": np.ones((1, 5)), "text": np.ones((2, 6))}, "different numbers of vectors"),
    ):
        with pytest.raises(InputError, match=message):
            loaded.encode(**parts)
    np.savez(tmp_path / "silent.npz", image=np.ones((9, 9)), text=np.ones((9, 6)))
    silent = load(recipe="adapter", overrides=audio_options(tmp_path / "silent.npz"))
    with pytest.raises(Exception, match=r"silent\.npz: an adapter needs .* none of audio"):
        run_training(silent, backend, tmp_path / "none")
    with pytest.raises(DataError, match="holds no vectors"):
        vector_searches(loaded, str(write(tmp_path / "pictures", 4)))


def test_data_check_names_what_samples_have(tmp_path: Path) -> None:
    path = write_audio(tmp_path / "v.npz")
    sets = [part for option in audio_options(path)[:1] for part in ("--set", option)]
    found = CliRunner().invoke(
        cli,
        ["data", "check", str(path), "--recipe", "adapter", "--set", "train.batch_size=8", *sets],
    )
    assert found.exit_code == 0, found.output
    assert "audio and image and text" in found.output
    assert "image and text" in found.output


def test_data_is_noted_as_by_the_first_versions(tmp_path: Path) -> None:
    """Their runs go on only where the text of a line is the same."""
    line = {"id": "1", "image": "a.png", "captions": ["a dog"], "concept": "dog"}
    (tmp_path / "train.jsonl").write_text(json.dumps(line))
    (part,) = open_source(DataConfig(path=str(tmp_path))).parts()
    assert part == "Sample(id='1', image='a.png', captions=('a dog',), concept='dog')"
