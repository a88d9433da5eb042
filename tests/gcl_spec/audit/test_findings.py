"""What `gcl data check` counts, against data whose faults are known."""

import json
import warnings
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gcl_cli.main import main
from gcl_spec.audit.findings import check_data
from gcl_spec.config.toml import load, loads
from gcl_spec.progress import Quiet
from gcl_spec.train.data import TrainingData
from huge_pictures import huge_png
from pieces import Towers
from tiles_on_disk import write_data
from triplets import write_vista


def faulty(folder: Path) -> Path:
    """24 samples: 1 malformed, 1 broken, 1 too large; 2 equal pictures; a text of 200 words."""
    write_data(folder)
    lines = [json.loads(line) for line in (folder / "train.jsonl").read_text().splitlines()]
    (folder / "1.png").write_bytes((folder / "1.png").read_bytes()[:40])
    (folder / "2.png").write_bytes(huge_png())
    (folder / "9.png").write_bytes((folder / "10.png").read_bytes())
    lines[3]["id"] = [7]
    lines[4] |= {"captions": ["word " * 200, "-"]}
    del lines[5]["image"]
    lines[6]["captions"] = []
    (folder / "train.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    for name in ("tasks", "val_tasks"):
        path = folder / name / "t2i" / "candidates.jsonl"
        path.write_text(path.read_text().replace("1.png", "20.png").replace("2.png", "21.png"))
    return folder


def test_all_faults_are_counted(tmp_path: Path) -> None:
    folder = faulty(tmp_path / "tiles")
    found = check_data(loads("", [f"data.path='{folder}'", "train.batch_size=4"]))
    assert (found.samples, found.looked_at) == (24, 24)
    assert (found.both, found.image_only, found.text_only) == (19, 1, 1)
    assert sorted(bad.place[-2:] for bad in found.bad) == [":2", ":3", ":4"]
    assert found.huge == 1
    assert found.largest == 64
    assert found.repeated_images == 2
    assert found.captions == 40
    assert found.truncated == 1
    assert found.near_empty == 1
    assert found.repeated_captions == 19
    assert found.overlap_images == 6
    assert found.overlap_captions == 3
    assert found.negatives.left > 0
    problems = " ".join(found.problems(0.01))
    assert "3 of 24 samples are bad" in problems
    assert "picture of an evaluation task" in problems
    assert found.problems(0.5) == [p for p in found.problems(0.01) if "are bad" not in p]


def test_a_checkpoints_own_tokenizer_counts(tmp_path: Path) -> None:
    folder = faulty(tmp_path / "tiles")
    sets = [f"data.path='{folder}'", f"data.cache='{tmp_path / 'cache'}'"]
    found = check_data(load(recipe="tiny", overrides=sets))
    assert found.max_tokens == 64
    captions = [
        caption
        for line in (folder / "train.jsonl").read_text().splitlines()
        for caption in json.loads(line).get("captions", [])
    ]
    # The small checkpoint's tokens are bytes, beside start and end; no bad sample has a long one.
    assert found.truncated == sum(len(caption.strip()) > 62 for caption in captions) > 0


def test_a_draw_looks_at_some(tmp_path: Path) -> None:
    folder = write_data(tmp_path / "tiles")
    config = loads("", [f"data.path='{folder}'"])
    found = check_data(config, sample=9)
    assert (found.samples, found.looked_at) == (24, 9)
    assert check_data(config, sample=9) == found


def run(*args: object) -> int:
    with pytest.raises(SystemExit) as ended:
        main(list(map(str, args)))
    return int(ended.value.code or 0)


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = faulty(tmp_path / "tiles")
    out = tmp_path / "found.json"
    assert run("data", "check", folder, "--set", "train.batch_size=8", "--json", out) == 1
    shown = capsys.readouterr()
    assert "to mend: 3 of 24 samples are bad" in shown.out
    assert "of a query's 7 negatives in a batch of 8" in shown.out
    assert "samples: 24/24" in shown.err
    found = json.loads(out.read_text())
    assert len(found["bad"]) == 3
    assert found["negatives"]["caption"] > 0
    assert run("data", "check", tmp_path / "none") == 2
    assert "no folder or zip archive" in capsys.readouterr().err


def test_pillow_says_nothing_of_its_own(tmp_path: Path) -> None:
    folder = write_data(tmp_path / "tiles")
    Image.new("1", (12_000, 10_000)).save(folder / "3.png")
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        assert run("data", "check", folder, "--set", "train.batch_size=8") == 1
    assert not said


def test_vectors_are_checked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rng = np.random.default_rng(0)
    image, text = rng.normal(size=(300, 4)), rng.normal(size=(300, 3))
    image[1], text[2] = image[0], np.nan
    np.savez(tmp_path / "v.npz", image=image, text=text)
    assert run("data", "check", tmp_path / "v.npz") == 0
    assert "nothing must be mended" in capsys.readouterr().out
    found = check_data(loads("", [f"data.path='{tmp_path / 'v.npz'}'"]))
    assert (found.repeated_images, found.image_only) == (2, 1)
    image[5] = 0
    np.savez(tmp_path / "v.npz", image=image, text=text)
    assert run("data", "check", tmp_path / "v.npz", "--set", "data.max_bad=0") == 1
    assert "norm 0" in capsys.readouterr().out


def test_what_the_checkpoints_own_processor_refuses_is_bad(tmp_path: Path) -> None:
    folder = write_data(tmp_path / "tiles")
    Image.new("1", (100_000, 1)).save(folder / "3.png")
    sets = [f"data.path='{folder}'", f"data.cache='{tmp_path / 'cache'}'"]
    assert not check_data(loads("", sets)).bad
    (bad,) = check_data(load(recipe="tiny", overrides=sets)).bad
    assert "resized to a shorter side" in bad.reason


def test_tasks_without_folders_of_their_own_are_tasks(tmp_path: Path) -> None:
    folder = write_data(tmp_path / "tiles")
    sets = ["train.batch_size=8", "model.freeze=none", f"data.cache='{tmp_path / 'cache'}'"]
    config = loads("", [f"data.path='{folder}'", *sets])
    before = check_data(config)
    for name in ("tasks", "val_tasks"):
        for file in (folder / name / "t2i").iterdir():
            file.rename(folder / name / file.name)
        (folder / name / "t2i").rmdir()
    after = check_data(config)
    assert after.overlap_images == before.overlap_images > 0
    assert after.overlap_captions == before.overlap_captions > 0
    with TrainingData(config, Towers(), Quiet()) as data:  # type: ignore[arg-type]
        assert [(task.name, len(task.queries)) for task in data.tests] == [("tasks", 8)]


def test_vectors_that_are_held_out_and_trained_on_are_counted(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    image, text = np.repeat(rng.normal(size=(50, 4)), 2, 0), rng.normal(size=(100, 3))
    for ids, leaks in ((np.arange(100), True), (np.arange(100) // 2, False), (None, False)):
        more = {} if ids is None else {"id": ids}
        np.savez(tmp_path / "v.npz", image=image, text=text, **more)
        sets = [f"data.path='{tmp_path / 'v.npz'}'", "model.kind=adapter", "train.batch_size=9"]
        found = check_data(loads("", sets))
        assert bool(found.overlap_images) == leaks
        assert bool(found.problems(0.01)) == leaks
    np.savez(tmp_path / "v.npz", image=image)
    assert "raise data.holdout" in " ".join(check_data(loads("", sets)).problems(0.01))


def test_the_targets_of_composed_triplets_are_looked_at_too(tmp_path: Path) -> None:
    folder = write_vista(tmp_path / "s2", edits=4, texts=3)
    write_data(tmp_path / "tiles")
    for name in ("tasks", "val_tasks"):
        (tmp_path / "tiles" / name).rename(folder / name)
    for n in range(24):  # the pictures of the tasks
        (tmp_path / "tiles" / f"{n}.png").rename(folder / f"{n}.png")
    (folder / "p1.png").write_bytes((folder / "1.png").read_bytes())
    long = (folder / "T2IT.jsonl").read_text().replace("thing 1 explained", "word " * 200)
    (folder / "T2IT.jsonl").write_text(long)
    options = [f"data.path={folder}", "objective.preset=triplets", "train.batch_size=4"]
    found = check_data(load(recipe="tiny", overrides=options))
    assert (found.looked_at, found.captions, found.bad) == (7, 4 + 2 * 3, ())
    assert found.overlap_images == 1, "the target of the first edit"
    assert found.truncated == 1
    # Edits of the same words ask for something else of each picture.
    assert found.repeated_captions == 4
    assert found.negatives.masked == found.negatives.left == 0
    (folder / "p5.png").write_bytes((folder / "p3.png").read_bytes())
    assert check_data(load(recipe="tiny", overrides=options)).negatives.left == 2 / (7 * 6)
