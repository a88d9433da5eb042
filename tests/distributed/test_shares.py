"""Processes whose shares of a batch differ, in modalities and in length, train as one would."""

import json
from pathlib import Path

import numpy as np
import pytest

from gcl_spec.train.feed.order import Order
from several_processes import make_data, run_together
from tinyclips import write_shallow

STEPS, BATCH = 3, 4
SETS = [
    f"train.steps={STEPS}", f"train.batch_size={BATCH}", "train.log_every=1", "optim.warmup_steps=1"
]  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight samples in two batches: of the second process one without texts, one without images."""
    made = tmp_path_factory.mktemp("shares")
    make_data(made / "data")
    write_shallow(made / "model")
    lines = [json.loads(line) for line in (made / "data/train.jsonl").read_text().splitlines()]
    order = Order(8, BATCH, 0)
    pictures, words = (order.batch(step)[0][BATCH // 2 :].tolist() for step in (0, 1))
    for n, line in enumerate(lines):
        if n in pictures:
            line["captions"] = []
        elif n in words:
            del line["image"]
        else:
            line["captions"] = [f"{'a very long ' * n} colour {n}"]
    (made / "data/train.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines[:8]))
    return made


def train(folder: Path, out: str, backend: str, *sets: str, size: int = 2) -> Path:
    """In so many processes."""
    places = [
        f"{name}.path={folder / what}" for name, what in (("data", "data"), ("model", "model"))
    ]
    places.append(f"data.cache={folder / 'cache'}")
    options = [x for one in (*SETS, *places, *sets) for x in ("--set", one)]
    command = ["-m", "gcl_cli", "train", "--recipe", "tiny", *options]
    command += ["--backend", backend, "--out", str(folder / out)]
    run_together(command, backend, folder / f"{out}.logs", size)
    return folder / out


@pytest.fixture(scope="module")
def alone(folder: Path) -> Path:
    return train(folder, "alone", "torch", size=1)


@pytest.mark.parametrize(
    ("backend", "sets"), [("torch", []), ("torch", ["train.shard=true"]), ("jax", [])]
)
def test_shares_may_differ(folder: Path, alone: Path, backend: str, sets: list[str]) -> None:
    found = train(folder, f"{backend}{len(sets)}", backend, *sets)
    texts = [(run / "metrics.jsonl").read_text().splitlines() for run in (alone, found)]
    lines = [[json.loads(line) for line in text] for text in texts]
    assert len(lines[0]) == STEPS
    for a, b in zip(*lines, strict=True):
        assert a.keys() == b.keys()
        names = a.keys() - {"samples_per_s"}
        assert np.allclose([b[n] for n in names], [a[n] for n in names], rtol=1e-3, atol=1e-5)
