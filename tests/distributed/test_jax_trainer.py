"""Training on a mesh of devices, in one process or in two, is training on one device."""

import json
import os
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from compiling import QUICKLY
from gcl_jax.train.world import JaxWorld
from gcl_spec.errors import ConfigError
from prepared import server
from repository import HELPERS
from several_processes import free_port

WORKER = HELPERS / "jax_trainer_worker.py"
SETS = ["optim.clip_norm=0.5", "train.microbatch=2", "model.fuse=learned"]


def train(devices: int, processes: int, sets: list[str] = SETS) -> list[dict[str, Any]]:
    environment = {**os.environ, "XLA_FLAGS": QUICKLY}
    port = free_port()
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        # Files and not pipes: who waits for a pipe to be read keeps the others waiting.
        logs = [Path(folder) / f"{rank}.log" for rank in range(processes)]
        workers = []
        for rank, log in enumerate(logs):
            file = stack.enter_context(log.open("w"))
            command = [WORKER, devices, rank, processes, port, *sets]
            workers.append(server("jax").start(command, env=environment, stdout=file, stderr=file))
        try:
            codes = [worker.wait(timeout=400) for worker in workers]
        finally:  # the others may wait for one that failed
            for worker in workers:
                worker.kill()
        texts = [log.read_text() for log in logs]
    assert not any(codes), "\n".join(texts)
    return [json.loads(text[text.index('{"values"') :].splitlines()[0]) for text in texts]


@pytest.fixture(scope="module")
def alone() -> dict[str, Any]:
    return train(1, 1)[0]


@pytest.mark.parametrize(("devices", "processes"), [(2, 1), (1, 2), (2, 2)])
def test_a_mesh_trains_as_one_device_would(
    alone: dict[str, Any], devices: int, processes: int
) -> None:
    check(alone, train(devices, processes))


def test_a_mesh_centres_rows_as_one_device_would() -> None:
    sets = ["model.fuse=centred", "train.microbatch=3"]
    check(train(1, 1, sets)[0], train(2, 2, sets))


def check(alone: dict[str, Any], others: list[dict[str, Any]]) -> None:
    for found in others:
        for a, b in zip(alone["values"], found["values"], strict=True):
            assert a.keys() == b.keys()
            for name in a:
                assert b[name] == pytest.approx(a[name], rel=2e-5, abs=1e-6), name
        for name, x in alone["state"].items():
            error = np.mean(np.abs(np.subtract(found["state"][name], x)))
            assert error < 1e-5 * max(1.0, np.max(np.abs(x))), name
        assert np.allclose(found["encoded"], alone["encoded"], atol=1e-4)


def test_shares_must_be_equal() -> None:
    import jax

    world = JaxWorld((jax.devices()[0],) * 3)
    with pytest.raises(ConfigError, match="batch_size = 10 is no multiple of the 3 devices"):
        world.check_divides(10)
    with pytest.raises(ConfigError, match=r"train\.devices = 99"):
        JaxWorld.of(jax.devices()[0], 99)
