"""Processes whose shares of a batch differ, in modalities and in length, train as one would."""

import json
import os
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest

from compiling import QUICKLY
from gcl_spec.train.feed.order import Order
from prepared import server
from several_processes import free_port, joined, make_data

STEPS, BATCH = 3, 4
SETS = [
    f"train.steps={STEPS}", f"train.batch_size={BATCH}", "train.log_every=1", "optim.warmup_steps=1"
]  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight samples in two batches: of the second process one without texts, one without images."""
    made = tmp_path_factory.mktemp("shares")
    make_data(made / "data")
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
    places = [f"data.path={folder / 'data'}", f"data.cache={folder / 'cache'}"]
    options = [x for one in (*SETS, *places, *sets) for x in ("--set", one)]
    command = ["-m", "gcl_cli", "train", "--recipe", "tiny", *options]
    command += ["--backend", backend, "--out", str(folder / out)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
    environment |= {"XLA_FLAGS": QUICKLY, "JAX_PLATFORMS": "cpu"}
    port = free_port()
    environments = [environment | joined(backend, rank, size, port) for rank in range(size)]
    if size == 1:  # as without a launcher
        environments = [environment]
    logs = [folder / f"{out}.{n}.log" for n in range(len(environments))]
    with ExitStack() as stack:
        files = [stack.enter_context(log.open("w")) for log in logs]
        workers = [
            server(backend).start(command, env=one, stdout=file, stderr=file)
            for one, file in zip(environments, files, strict=True)
        ]
        try:
            codes = [worker.wait(timeout=400) for worker in workers]
        finally:  # the others may wait for one that failed
            for worker in workers:
                worker.kill()
    assert not any(codes), "\n".join(log.read_text() for log in logs)
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
