"""Gradient caching in JAX (GradCache, arXiv 2101.06983): big batches in small memory.

Start reading at `step`.
"""

from gcl_jax.cached.step import CachedStep, cached_value_and_grad

__all__ = [
    "CachedStep",
    "cached_value_and_grad",
]
