"""The compositions of the pools of a sweep, and which concept stands as which modality."""

from collections.abc import Iterator
from dataclasses import dataclass
from math import comb, gcd

import numpy as np

from gcl_spec._typing import IntArray

__all__ = ["Composition", "compositions"]

_STEPS = (10, 5, 4, 2, 1)
_MOST = 70
_DRAWS = 10


@dataclass(frozen=True, slots=True)
class Composition:
    """The shares of the modalities in a pool, as whole numbers whose ratios count."""

    weights: tuple[int, ...]

    @property
    def shares(self) -> tuple[float, ...]:
        """The shares of the modalities, which sum to 1."""
        return tuple(weight / sum(self.weights) for weight in self.weights)

    @property
    def name(self) -> str:
        """The shares in percent, such as "70:20:10"."""
        return ":".join(f"{100 * share:.0f}" for share in self.shares)

    def counts(self, total: int) -> tuple[int, ...]:
        """How many of `total` concepts stand as each modality, by largest remainders."""
        whole = sum(self.weights)
        counts = [weight * total // whole for weight in self.weights]
        rest = [weight * total % whole for weight in self.weights]
        for place in sorted(range(len(rest)), key=lambda n: -rest[n])[: total - sum(counts)]:
            counts[place] += 1
        return tuple(counts)

    def draws(self, order_N: IntArray) -> list[IntArray]:
        """Pools of N concepts: the number of the modality that each concept stands as.

        The concepts lie on a circle, on which each modality has an arc; the next draw has turned it
        further. So over all draws each concept stands as each modality by its share, as far as N
        can be divided, and no modality has the concepts that are easy to find.

        Args:
            order_N: the places of the concepts on the circle, a permutation, (N,).

        Returns:
            Shape (N,) each: ten draws, nine of thirds, and one where all pools are the same.
        """
        total = len(order_N)
        kinds_N = np.repeat(np.arange(len(self.weights)), self.counts(total))
        parts = sum(self.weights) // gcd(*self.weights)
        draws = 1 if parts == 1 else parts * max(1, _DRAWS // parts)
        return [np.roll(kinds_N, draw * total // draws)[order_N] for draw in range(draws)]


def compositions(count: int) -> tuple[Composition, ...]:
    """All compositions in equal steps, corners and edges among them, and that of equal shares.

    Of two or three modalities the steps are 10 %, so that there are 67 compositions of three:
    100:0:0, 90:10:0, ... 70:20:10, ... 0:0:100, and 33:33:33. Of more modalities the steps are
    wider, so that there are about 70.

    Args:
        count: how many modalities, two at least.
    """
    steps = next((n for n in _STEPS if comb(n + count - 1, n) <= _MOST), 1)
    centre = Composition((1,) * count)
    grid = [Composition(weights) for weights in _sums(steps, count)]
    return tuple(grid) if steps % count == 0 else (*grid, centre)


def _sums(total: int, count: int) -> Iterator[tuple[int, ...]]:
    """All tuples of `count` numbers from 0 whose sum is `total`, the largest first ones first."""
    if count == 1:
        yield (total,)
        return
    for first in range(total, -1, -1):
        yield from ((first, *rest) for rest in _sums(total - first, count - 1))
