"""The rotary tables of EVA02's image tower (arXiv 2303.11331; Su et al., arXiv 2104.09864)."""

import numpy as np

from gcl_spec._typing import FloatArray

__all__ = ["rotary_tables"]

_GRID = 16
"""Patches on a side of the pictures on which EVA02 was first trained."""


def rotary_tables(grid: int, head_width: int) -> tuple[FloatArray, FloatArray]:
    """The cosines and sines by which patches are rotated, in float32.

    With d = head_width / 2 the frequencies are F_j = 10000^(-2j/d), j < d/2 (Su et al., arXiv
    2104.09864, section 3.2.2), each of them twice; first come the angles of a patch's row, then
    those of its column, at places that are spread over 16 steps (`VisionRotaryEmbeddingFast` with
    `intp_freq`, in EVA-CLIP's rope.py).

    Args:
        grid: patches on a side of the picture.
        head_width: a multiple of 4.

    Returns:
        Shape (grid^2, head_width) each.

    >>> cosines, sines = rotary_tables(2, 4)
    >>> [round(float(x), 3) for x in (*cosines[1], *sines[3])]
    [1.0, 1.0, -0.146, -0.146, 0.989, 0.989, 0.989, 0.989]
    """
    half = head_width // 2
    frequencies = 10000.0 ** (-np.arange(0, half, 2)[: half // 2] / half)
    angles = np.repeat(np.outer(np.arange(grid) / grid * _GRID, frequencies), 2, axis=1)
    rows = np.broadcast_to(angles[:, None, :], (grid, grid, half))
    columns = np.broadcast_to(angles[None, :, :], (grid, grid, half))
    table = np.concatenate([rows, columns], axis=-1).reshape(grid**2, head_width)
    return np.cos(table).astype(np.float32), np.sin(table).astype(np.float32)
