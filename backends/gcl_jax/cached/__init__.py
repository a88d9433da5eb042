"""Gradient caching in JAX: big batches in the memory of small ones."""

from gcl_jax.cached.step import CachedStep, cached_value_and_grad

__all__ = [
    "CachedStep",
    "cached_value_and_grad",
]
