"""Gradient caching in PyTorch: big batches in the memory of small ones."""

from gcl_torch.cached.step import cached_step

__all__ = [
    "cached_step",
]
