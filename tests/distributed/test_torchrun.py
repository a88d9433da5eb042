"""`torchrun ... gcl train`: two processes write one run, equal to that of one process."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

SETS = [
    "train.steps=3", "train.batch_size=7", "train.log_every=1", "train.save_every=2",
    "optim.warmup_steps=1", "train.microbatch=2", "data.path=starter",
]  # fmt: skip


def make_data(folder: Path) -> None:
    """Nine pictures with captions, and one task."""
    lines = []
    task = folder / "tasks" / "colours"
    (folder / "images").mkdir(parents=True)
    task.mkdir(parents=True)
    for n in range(9):
        Image.new("RGB", (40, 40), (25 * n, 90, 250 - 25 * n)).save(folder / f"images/{n}.png")
        lines.append({"id": str(n), "image": f"images/{n}.png", "captions": [f"colour {n}"]})
    (folder / "train.jsonl").write_text("\n".join(map(json.dumps, lines)) + "\n")
    queries = [{"id": f"q{n}", "text": f"colour {n}"} for n in range(9)]
    found = [{"id": f"c{n}", "image": f"images/{n}.png"} for n in range(9)]
    (task / "queries.jsonl").write_text("\n".join(map(json.dumps, queries)) + "\n")
    (task / "candidates.jsonl").write_text("\n".join(map(json.dumps, found)) + "\n")
    (task / "qrels.tsv").write_text("".join(f"q{n}\tc{n}\n" for n in range(9)))


def train(folder: Path, name: str, *launcher: str) -> Path:
    out = folder / name
    sets = [*SETS[:-1], f"data.path={folder / 'data'}", f"data.cache={folder / 'cache'}"]
    arguments = [x for one in sets for x in ("--set", one)]
    done = subprocess.run(
        [sys.executable, *launcher, "-m", "gcl_cli", "train", "--recipe", "tiny",
         "--backend", "torch", "--device", "cpu", "--out", str(out), *arguments],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return out


def test_two_processes_train_as_one(tmp_path: Path) -> None:
    make_data(tmp_path / "data")
    one = train(tmp_path, "one")
    launcher = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    two = train(tmp_path, "two", *launcher)
    texts = [(run / "metrics.jsonl").read_text().splitlines() for run in (one, two)]
    lines = [[json.loads(line) for line in text] for text in texts]
    assert len(lines[0]) == 3
    for a, b in zip(*lines, strict=True):
        assert a.keys() == b.keys()
        for name in a.keys() - {"samples_per_s"}:
            assert b[name] == pytest.approx(a[name], rel=1e-4, abs=1e-6), name
    assert sorted(p.name for p in two.rglob("*")) == sorted(p.name for p in one.rglob("*"))
