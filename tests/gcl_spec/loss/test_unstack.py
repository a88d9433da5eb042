"""The arrays along the first axis, in the namespaces that the loss meets."""

import array_api_compat.numpy as numpy_namespace
import array_api_compat.torch as torch_namespace
import array_api_strict
import jax.numpy as jnp
import numpy as np
import pytest
import torch

from gcl_spec._typing import ArrayNamespace
from gcl_spec.loss.unstack import unstack


@pytest.mark.parametrize("xp", [numpy_namespace, torch_namespace, jnp, array_api_strict, np])
def test_it_is_what_stack_undoes(xp: ArrayNamespace) -> None:
    x = xp.reshape(xp.arange(12), (3, 2, 2))
    rows = unstack(x, xp)
    assert isinstance(rows, tuple)
    assert len(rows) == 3
    assert all(row.shape == (2, 2) for row in rows)
    assert bool(xp.all(xp.stack(rows) == x))


def test_torch_can_take_it_under_vmap() -> None:
    x = torch.arange(24.0).reshape(2, 3, 4)
    found = torch.func.vmap(lambda y: sum(unstack(y, torch_namespace)))(x)
    torch.testing.assert_close(found, x.sum(1))
