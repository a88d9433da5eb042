"""Layers in flax.nnx with torch's parameter names and layouts."""

import jax
import jax.numpy as jnp
from flax import nnx

__all__ = ["Gelu", "LayerNorm", "Linear"]


class Linear(nnx.Module):
    def __init__(self, inputs: int, outputs: int, *, bias: bool = True) -> None:
        self.weight = nnx.Param(jnp.zeros((outputs, inputs), jnp.float32))
        self.bias = nnx.Param(jnp.zeros((outputs,), jnp.float32)) if bias else None

    def __call__(self, x: jax.Array) -> jax.Array:
        y = x @ self.weight[...].T
        return y if self.bias is None else y + self.bias[...]


class LayerNorm(nnx.Module):
    def __init__(self, width: int, *, eps: float = 1e-5, affine: bool = True) -> None:
        self.eps = eps

    def __call__(self, x: jax.Array) -> jax.Array:
        y = x - x.mean(-1, keepdims=True)
        return y / jnp.sqrt((y * y).mean(-1, keepdims=True) + self.eps)


class Gelu(nnx.Module):
    def __call__(self, x: jax.Array) -> jax.Array:
        return jax.nn.gelu(x, approximate=False)
