"""How many candidates a row has: those of its own sample, and those of others, in each modality."""

from functools import cached_property

from gcl_spec._typing import Array, ArrayNamespace

__all__ = ["Counts"]


class Counts:
    """The numbers of rows with the same id, and with other ids, in time O(B log B).

    Args:
        like: an array (B, ...) of the dtype in which numbers are given.
        present: (M, B) booleans, or None where every row is present.
        ids: (B,) integers, or None where every sample has an id of its own.
        xp: the Array API namespace of the arrays.
    """

    def __init__(
        self, like: Array, present: Array | None, ids: Array | None, xp: ArrayNamespace
    ) -> None:
        self._ones_B = xp.ones_like(like[:, 0])
        self._present, self._ids, self._xp = present, ids, xp
        self._alike: dict[int, Array] = {}

    def alike(self, m: int) -> Array:
        """The present rows of modality m whose samples have each sample's id, (B,)."""
        if self._ids is None:
            return self._here(m)
        if m not in self._alike:
            xp, (order, first, last) = self._xp, self._places
            ones = xp.take(self._here(m), order, axis=0)
            below = xp.concat([xp.zeros_like(ones[:1]), xp.cumulative_sum(ones, axis=0)])
            self._alike[m] = xp.take(below, last, axis=0) - xp.take(below, first, axis=0)
        return self._alike[m]

    def others(self, m: int) -> Array:
        """The present rows of modality m of samples with other ids, (B,)."""
        return self._xp.sum(self._here(m)) - self.alike(m)

    def own(self, m: int) -> Array:
        """1 where the sample's own row of modality m is present, and 0 elsewhere, (B,)."""
        return self._here(m)

    @cached_property
    def _places(self) -> tuple[Array, Array, Array]:
        """The samples in the order of ids, and where each id begins and ends in it, (B,) each."""
        xp = self._xp
        order = xp.argsort(self._ids)
        sorted_B = xp.take(self._ids, order, axis=0)
        first, last = (xp.searchsorted(sorted_B, self._ids, side=at) for at in ("left", "right"))
        return order, first, last

    def _here(self, m: int) -> Array:
        if self._present is None:
            return self._ones_B
        return self._xp.astype(self._present[m, ...], self._ones_B.dtype)
