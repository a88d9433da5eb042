"""What a user types: the whole way once, and every bad input once."""

import json
import shutil
from pathlib import Path

import pytest
from PIL import Image

from huge_pictures import huge_png
from tiles_on_disk import write_data

FAST = [
    "model.width=8", "model.hidden=16", "model.image_size=32", "train.steps=6",
    "train.batch_size=8", "train.save_every=3", "train.log_every=2",
]  # fmt: skip


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return write_data(tmp_path / "tiles")


def sets(data: Path, *more: str) -> list[str]:
    values = [*FAST, f"data.path={data}", f"data.cache={data.parent / 'cache'}", *more]
    return [part for value in values for part in ("--set", value)]


def test_train_init_resume_eval_and_encode(gcl, data: Path, tmp_path: Path) -> None:
    done = gcl("train", *sets(data), "--out", "one")
    assert done.returncode == 0, done.stderr
    assert "average" in done.stdout
    assert "training: 6/6" in done.stderr, "progress goes to stderr"
    second = gcl("train", "--recipe", "lite-gcl", *sets(data), "--init", "one", "--out", "two")
    assert second.returncode == 0, second.stderr
    again = gcl("train", "--resume", "--out", "two")
    assert again.returncode == 0, again.stderr
    page = (tmp_path / "two" / "report.html").read_text()
    assert page.startswith("<!doctype html>")

    out = gcl("eval", "two", "--data", data)
    assert out.returncode == 0, "the folder that was trained on has its tasks in tasks/"
    mine = tmp_path / "mine"
    shutil.copytree(data / "tasks", mine)
    for picture in data.glob("*.png"):
        shutil.copy(picture, mine)
    out = gcl("eval", "two", "--data", mine, "--json", "r.json", "--against", "one")
    assert out.returncode == 0, out.stderr
    assert "Global pool" in out.stdout
    assert "(paired t)" in out.stdout
    report = json.loads((tmp_path / "r.json").read_text())
    assert report["results"][0]["per_query"]["hit@10"].keys() == {f"q{n}" for n in range(8)}
    again = gcl("eval", "two", "--data", mine, "--against", "r.json")
    assert "+0.0 points over 8 queries, of which 0 differ, 95 % interval -" in again.stdout

    import numpy as np

    import gcl_spec

    loaded = gcl_spec.load_run(tmp_path / "two")
    picture = data / "0.png"
    z = loaded.encode(image=[picture, None, picture], text=["red", "red", None])
    assert z.shape == (3, 8)
    assert np.allclose(np.linalg.norm(z, axis=1), 1, atol=1e-6)
    assert np.allclose(loaded.encode(text=["red"])[0], z[1], atol=1e-4)
    assert np.allclose(loaded.encode(image=[Image.open(picture)])[0], z[2], atol=1e-4)
    for options, message in (
        ({}, "give image"),
        ({"image": "x.png"}, "are lists"),
        ({"image": [picture], "text": ["a", "b"]}, "1 images and 2 texts"),
        ({"image": [None], "text": [None]}, "sample 0 has neither"),
        ({"text": []}, "no sample"),
    ):
        with pytest.raises(gcl_spec.errors.InputError, match=message):
            loaded.encode(**options)


def test_dry_run_and_options(gcl, data: Path, tmp_path: Path) -> None:
    before = {p.name for p in tmp_path.iterdir()}
    done = gcl("train", *sets(data), "--dry-run")
    assert done.returncode == 0, done.stderr
    assert "peak memory" in done.stdout
    assert {p.name for p in tmp_path.iterdir()} - before == {"cache"}
    assert "train.steps = 600" in gcl("train", "--list-options").stdout


BAD = {
    ("train", "--backend", "torhc"): (2, "no backend 'torhc'"),
    ("train", "--backend", "reference"): (2, "does not train; use --backend torch"),
    ("train", "--recipe", "liet"): (2, "did you mean lite"),
    ("train", "--set", "train.stpes=3"): (2, "did you mean train.steps?"),
    ("train", "--set", "train.steps=many"): (2, "must be a whole number"),
    ("train", "--config", "none.toml"): (2, "cannot read the config"),
    ("train", "--recipe", "lite", "--config", "x.toml"): (2, "not both"),
    ("train", "--set", "data.path=none"): (2, "no folder or zip archive"),
    ("train", "--resume", "--out", "none"): (2, "not a run folder"),
    ("train", "--init", "none"): (2, "not a run folder"),
    ("train", "--device", "cuda:9"): (2, "no device 'cuda:9'"),
    ("eval", "none"): (2, "not a run folder"),
    ("verify-backends", "--case", "none.npz"): (2, "cannot read the case none.npz"),
    ("eval", "none", "--json", "/dev/null/x.json"): (2, "cannot write /dev/null/x.json"),
    ("data", "check", "starter", "--json", "/dev/null/x.json"): (2, "cannot write /dev/null/x"),
    ("bench", "loss", "--json", "/dev/null/x.json"): (2, "cannot write /dev/null/x.json"),
    ("trian",): (2, "No such command 'trian'; did you mean train?"),
    ("verify-backend",): (2, "did you mean verify-backends?"),
    ("eval", "x", "--against", "nodir"): (2, "--against nodir: No such file or directory; give a"),
    ("eval", "x", "--against", __file__): (
        2,
        "test_main.py is no report; give a run folder, or a file",
    ),
}


@pytest.mark.parametrize("args", BAD, ids=" ".join)
def test_bad_arguments_are_one_line(gcl, tmp_path: Path, args: tuple[str, ...]) -> None:
    code, message = BAD[args]
    done = gcl(*args)
    assert done.returncode == code, done.stderr
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == [], "nothing is left behind"
    if not done.stderr.startswith("Usage"):
        assert len(done.stderr.strip().splitlines()) == 1


def damage_picture(data: Path) -> None:
    (data / "5.png").write_bytes(b"no picture")


def huge_picture(data: Path) -> None:
    (data / "5.png").write_bytes(huge_png())


def no_samples(data: Path) -> None:
    (data / "train.jsonl").write_text("")


def no_file(data: Path) -> None:
    (data / "7.png").unlink()


def escaping(data: Path) -> None:
    text = (data / "train.jsonl").read_text()
    (data / "train.jsonl").write_text(text.replace('"9.png"', '"../9.png"'))


@pytest.mark.parametrize(
    ("harm", "message"),
    [
        (damage_picture, "5.png: not a readable picture"),
        (huge_picture, "5.png: picture is too large"),
        (no_samples, "train.jsonl holds no sample"),
        (no_file, "cannot read '7.png'"),
        (escaping, "'../9.png' leads out"),
    ],
)
def test_bad_data_is_one_line(gcl, data: Path, tmp_path: Path, harm, message: str) -> None:
    harm(data)
    done = gcl("train", *sets(data), "--out", "run")
    assert done.returncode == 2, done.stderr
    errors = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1
    assert message in errors[0]
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "run").exists()


def test_debug_shows_the_traceback(gcl) -> None:
    done = gcl("--debug", "train", "--backend", "torhc")
    assert done.returncode == 2
    assert "Traceback" in done.stderr
    assert done.stderr.strip().splitlines()[-1].startswith("error: no backend")


def test_nan_is_exit_code_1(gcl, data: Path) -> None:
    done = gcl("train", *sets(data, "optim.lr=1e30", "optim.warmup_steps=0"), "--out", "run")
    assert done.returncode == 1, done.stderr
    assert "training stopped at step" in done.stderr
    assert "Traceback" not in done.stderr
