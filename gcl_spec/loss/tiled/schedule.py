"""Which samples a tile has, and which pairs of tiles a process computes."""

from collections.abc import Iterator, Sequence
from itertools import pairwise

from gcl_spec.loss.kernel import Processes

__all__ = ["slices_of", "turns_of"]


def slices_of(samples: int, tile: int, cut: int | None = None) -> list[slice]:
    """The samples of each tile; no tile has samples of both sides of the cut.

    >>> slices_of(5, 3, cut=1)
    [slice(0, 1, None), slice(1, 4, None), slice(4, 5, None)]
    """
    bounds = [0, samples] if cut is None else [0, cut, samples]
    return [
        slice(start, min(start + tile, stop))
        for first, stop in pairwise(bounds)
        for start in range(first, stop, tile)
    ]


def turns_of(
    slices: Sequence[slice], cut: int | None = None, processes: Processes | None = None
) -> Iterator[tuple[int, list[int]]]:
    """Every tile with those that it is paired with, itself and later ones.

    Args:
        slices: the samples of each tile.
        cut: only pairs of a tile before this sample with one from there on; None: all pairs.
        processes: the processes that take the pairs in turn; only this one's are given.

    >>> list(turns_of(slices_of(6, 2)))
    [(0, [0, 1, 2]), (1, [1, 2]), (2, [2])]
    """
    turn = 0
    for i, at in enumerate(slices):
        ours = []
        for j in range(i, len(slices)):
            if cut is not None and not at.start < cut <= slices[j].start:
                continue
            if processes is None or turn % processes.size == processes.rank:
                ours.append(j)
            turn += 1
        if ours:
            yield i, ours
