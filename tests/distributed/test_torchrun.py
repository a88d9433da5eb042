"""`torchrun ... gcl train`: two processes write one run, equal to that of one process."""

import json
import os
import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

import prepared
from gcl_spec.run import checkpoint
from several_processes import TWO, make_data, run_together

STEPS, SAVED = 4, 2
SETS = [
    f"train.steps={STEPS}", f"train.save_every={SAVED}", "train.batch_size=7", "train.log_every=1",
    "optim.warmup_steps=1", "train.microbatch=2", "train.keep=2",
]  # fmt: skip


def gcl_train(*arguments: str, launcher: Sequence[str] = ()) -> None:
    command = [*launcher, "-m", "gcl_cli", "train", *arguments]
    done = prepared.run(*command, env={**os.environ, "OMP_NUM_THREADS": "1"})
    assert done.returncode == 0, done.stderr


def train(folder: Path, name: str, *, launcher: Sequence[str] = ()) -> Path:
    sets = [*SETS, f"data.path={folder / 'data'}", f"data.cache={folder / 'cache'}"]
    chosen = ["--recipe", "tiny", "--backend", "torch", "--device", "cpu"]
    options = [x for one in sets for x in ("--set", one)]
    gcl_train(*chosen, "--out", str(folder / name), *options, launcher=launcher)
    return folder / name


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The same run, by one process and by two."""
    folder = tmp_path_factory.mktemp("torchrun")
    make_data(folder / "data")
    return train(folder, "one"), train(folder, "two", launcher=TWO)


def test_two_processes_train_as_one(runs: tuple[Path, Path]) -> None:
    one, two = runs
    same_metrics(one, two)
    assert sorted(p.name for p in two.rglob("*")) == sorted(p.name for p in one.rglob("*"))


def same_metrics(one: Path, two: Path) -> None:
    texts = [(run / "metrics.jsonl").read_text().splitlines() for run in (one, two)]
    lines = [[json.loads(line) for line in text] for text in texts]
    assert len(lines[0]) == STEPS
    for a, b in zip(*lines, strict=True):
        assert a.keys() == b.keys()
        for name in a.keys() - {"samples_per_s"}:
            assert b[name] == pytest.approx(a[name], rel=1e-4, abs=1e-6), name


@pytest.mark.parametrize("first", ["one", "two"])
def test_a_run_goes_on_in_another_number_of_processes(
    runs: tuple[Path, Path], first: str, tmp_path: Path
) -> None:
    """As the unbroken run, but for the order of sums.

    Gradients then differ by some 2^-24 of their norm. AdamW divides them by their own size, so a
    step of lr moves by lr times that relative error, but where the gradient is nothing but rounding
    (the bias of keys, to which a softmax is blind) by lr in either direction.
    """
    unbroken = runs[first == "two"]
    run = shutil.copytree(unbroken, tmp_path / "run")
    # As a kill after the first checkpoint leaves it.
    for name in (f"checkpoints/step-{STEPS:08d}.safetensors", "after.json", "report.html"):
        (run / name).unlink()
    resume = ["--resume", str(run), "--device", "cpu"]
    if first == "one":
        run_together(["-m", "gcl_cli", "train", *resume], "torch", tmp_path / "logs")
    else:
        gcl_train(*resume)
    same_metrics(unbroken, run)
    want, found = (checkpoint.latest(folder / "checkpoints").state for folder in (unbroken, run))
    assert want.keys() == found.keys()
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    way = sum(line["lr"] for line in lines[SAVED:])
    for name, x in want.items():
        apart = np.mean(np.abs(found[name].astype(float) - x))
        if name.startswith("params/"):
            assert apart <= (way if name.endswith("k_proj.bias") else 1e-4 * way), name
        else:
            assert apart <= 1e-4 * np.mean(np.abs(x)) + 1e-9, name
