"""Gradient caching in PyTorch (GradCache, arXiv 2101.06983): big batches in small memory.

Start reading at `step`.
"""

from gcl_torch.cached.step import cached_step

__all__ = [
    "cached_step",
]
