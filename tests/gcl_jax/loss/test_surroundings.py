"""JAX as a process sets it up: without jit, and on a mesh of the default kind of axes."""

import os

import pytest

import prepared
from compiling import QUICKLY
from repository import HELPERS

FLAGS = f"--xla_force_host_platform_device_count=2 {QUICKLY}"


@pytest.mark.parametrize(("kind", "without_jit"), [("explicit", "0"), ("disabled", "1")])
def test_losses_and_gradients_are_those_of_one_device(kind: str, without_jit: str) -> None:
    environment = {**os.environ, "XLA_FLAGS": FLAGS, "JAX_DISABLE_JIT": without_jit}
    done = prepared.run(HELPERS / "jax_surroundings.py", kind, framework="jax", env=environment)
    assert done.stdout.endswith("done\n"), done.stderr
