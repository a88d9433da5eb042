"""Values are read where that waits for no device."""

import array_api_strict
import jax
import jax.numpy as jnp
import numpy as np
import torch
from array_api_compat import numpy as numpy_namespace
from array_api_compat import torch as torch_namespace

from gcl_spec.loss.equation import framework_kernel
from gcl_spec.loss.readable import Values


def test_numbers_and_arrays_of_numpy_need_no_kernel() -> None:
    found = Values(torch_namespace, None).of(1.5, np.float32(2), np.ones(3))
    assert found is not None
    assert found[0] is numpy_namespace
    assert found[1:3] == (1.5, 2.0)


def test_a_strict_namespace_reads_its_own() -> None:
    x = array_api_strict.ones(2)
    assert Values(array_api_strict, None).of(x) == (array_api_strict, x)


def test_what_no_kernel_reads_is_not_read() -> None:
    assert Values(torch_namespace, None).of(np.ones(2), torch.ones(2)) is None


def test_what_is_traced_is_not_read() -> None:
    kernel = framework_kernel(jnp.ones(1))
    seen = []

    def look(x: jax.Array) -> jax.Array:
        seen.append(Values(jnp, kernel).of(x))
        return x

    jax.jit(look)(jnp.ones(2))
    assert seen == [None]
    assert Values(jnp, kernel).of(jnp.ones(2)) is not None
