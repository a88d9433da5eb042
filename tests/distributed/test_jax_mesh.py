"""Under jit on sharded arrays the loss is that of the whole batch, on any number of devices."""

import json
import os

import pytest

import prepared
from compiling import QUICKLY
from repository import HELPERS

WORKER = HELPERS / "jax_worker.py"


@pytest.fixture(scope="module")
def found() -> dict[str, list[float]]:
    flags = f"--xla_force_host_platform_device_count=4 {QUICKLY}"
    done = prepared.run(WORKER, framework="jax", env={**os.environ, "XLA_FLAGS": flags})
    assert done.returncode == 0, done.stderr
    results: dict[str, list[float]] = json.loads(done.stdout)
    return results


@pytest.mark.parametrize(
    ("kind", "devices"),
    [*((kind, n) for kind in ("jit", "shard_map") for n in (1, 4)), ("shard_map direct", 4)],
)
def test_a_mesh_is_one_device(found: dict[str, list[float]], kind: str, devices: int) -> None:
    value, gradient_error, by_scale = found[f"{kind} {devices}"]
    want, _, want_by_scale = found["whole"]
    assert value == pytest.approx(want, rel=1e-12)
    assert gradient_error < 1e-10
    assert by_scale == pytest.approx(want_by_scale, rel=1e-9)


def test_a_device_without_a_tile_adds_nothing_to_it(found: dict[str, list[float]]) -> None:
    value, gradient_error, by_scale = found["apart 4"]
    want, largest, want_by_scale = found["apart"]
    assert largest < 0
    assert value == pytest.approx(want, rel=1e-12)
    assert gradient_error < 1e-9
    assert by_scale == pytest.approx(want_by_scale, rel=1e-9)


def test_positives_of_a_sigmoid_are_added_once(found: dict[str, list[float]]) -> None:
    value, gradient_error, by_scale = found["sigmoid 4"]
    want, _, want_by_scale = found["sigmoid"]
    assert value == pytest.approx(want, rel=1e-12)
    assert gradient_error < 1e-10
    assert by_scale == pytest.approx(want_by_scale, rel=1e-9)


def test_every_device_did_its_share(found: dict[str, list[float]]) -> None:
    """With four devices each computes about a quarter of the pairs of tiles."""
    shares = found["shares"]
    assert sum(shares) == 21
    assert max(shares) - min(shares) <= 1
