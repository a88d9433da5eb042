"""`gcl` with paths as users have them: `~`, other bytes than UTF-8, no home that can be written."""

import json
import os
import subprocess
import sys
from pathlib import Path

from PIL import Image

import prepared

LATIN = os.fsdecode(b"d\xe9j\xe0")
TINY = ("--recipe", "tiny", "--set", "train.batch_size=8", "--set", "train.steps=2",
        "--set", "optim.warmup_steps=1")  # fmt: skip


TWO_TRAININGS = """
import sys
from gcl_cli.main import main
for recipe in ("tiny", "lite"):
    try:
        main(["train", *sys.argv[1:], "--recipe", recipe])
    except SystemExit as end:
        print(end.code)
    if recipe == "tiny":
        print("--", file=sys.stderr)
"""


def write_data(folder: Path) -> None:
    (folder / "tasks" / "t2i").mkdir(parents=True)
    samples, queries, candidates, qrels = [], [], [], []
    for n in range(16):
        Image.new("RGB", (40, 40), (16 * n, 250 - 9 * n, 77)).save(folder / f"{n}.png")
        Image.new("RGB", (40, 40), (99, 9 * n, 16 * n)).save(folder / "tasks" / f"{n}.png")
        samples.append({"id": f"s{n}", "image": f"{n}.png", "captions": [f"a colour {n}"]})
        queries.append({"id": f"q{n}", "text": f"the colour {n}"})
        candidates.append({"id": f"c{n}", "image": f"tasks/{n}.png"})
        qrels.append(f"q{n}\tc{n}\n")
    for name, rows in {
        "train": samples,
        "tasks/t2i/queries": queries,
        "tasks/t2i/candidates": candidates,
    }.items():
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (folder / "tasks" / "t2i" / "qrels.tsv").write_text("".join(qrels))


def gcl(folder: Path, *args: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    where = {**os.environ, "GCL_CACHE": str(folder / "cache"), **environment}
    return prepared.run("-m", "gcl_cli", *args, cwd=folder, env=where)


def test_a_run_in_folders_whose_names_are_not_utf8(tmp_path: Path) -> None:
    write_data(tmp_path / LATIN)
    cache = str(tmp_path / os.fsdecode(b"c\xff"))
    steps = [
        ["data", "check", LATIN, "--recipe", "tiny", "--set", "train.batch_size=8"],
        ["train", *TINY, "--set", f"data.path={LATIN}", "--out", f"{LATIN}-run"],
        ["train", "--resume", f"{LATIN}-run"],
        ["eval", f"{LATIN}-run", "--data", LATIN, "--json", f"{LATIN}.json"],
        ["export", f"{LATIN}-run", f"{LATIN}-model"],
        ["train", *TINY, "--set", f"model.path={LATIN}-model", "--set", f"data.path={LATIN}",
         "--init", f"{LATIN}-run", "--dry-run"],
    ]  # fmt: skip
    for args in steps:
        done = gcl(tmp_path, *args, GCL_CACHE=cache)
        assert done.returncode == 0, (args, done.stderr)
    config = (tmp_path / f"{LATIN}-run" / "config.toml").read_text(encoding="utf-8")
    assert "d%E9j%E0" in config
    assert (tmp_path / f"{LATIN}-run" / "report.html").is_file()


def test_the_home_folder_in_every_option(tmp_path: Path) -> None:
    write_data(tmp_path / "home" / "data")
    home = str(tmp_path / "home")
    (tmp_path / "work").mkdir()
    options = ["--set", "data.path=~/data", "--set", "data.cache=~/cache"]
    for args in (
        ["data", "check", "~/data", "--set", "train.batch_size=8", "--json=~/check.json"],
        ["train", *TINY, *options, "--out=~/run"],
        ["train", "--resume", "~/run"],
        ["eval", "~/run", "--data=~/data", "--json=~/eval.json", "--against=~/run"],
        ["export", "~/run", "~/model"],
        ["train", *TINY, *options, "--set", "model.path=~/model", "--init=~/run", "--dry-run"],
    ):
        done = gcl(tmp_path / "work", *args, HOME=home)
        assert done.returncode == 0, (args, done.stderr)
    made = {path.name for path in (tmp_path / "home").iterdir()}
    assert {"check.json", "run", "eval.json", "model", "cache"} <= made
    assert list((tmp_path / "work").iterdir()) == []


def test_a_home_that_cannot_be_written(tmp_path: Path) -> None:
    write_data(tmp_path / "data")
    # A Python of its own: libraries read HOME when they are imported.
    done = subprocess.run(
        [sys.executable, "-c", TWO_TRAININGS, *TINY, "--set", "data.path=data"],
        cwd=tmp_path, env={**os.environ, "GCL_CACHE": "", "HOME": "/proc/none"},
        capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.stdout.split() == ["2", "2"]
    tiny, lite = done.stderr.split("--\n")
    for said in (tiny, lite):
        assert "GCL_CACHE" in said
        assert "--set data.cache=DIR" in said
    assert len(tiny.splitlines()) == 1
