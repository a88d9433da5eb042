"""The order of the data, a pure function of (seed, epoch), whose whole state is a step number."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from gcl_spec._typing import IntArray
from gcl_spec.errors import DataError

__all__ = ["Order"]


@dataclass(frozen=True, slots=True)
class Order:
    """Batches of sample numbers, a new permutation in every epoch.

    The last partial batch of an epoch is left out, so that every contrastive batch has the same
    number of negatives.
    """

    samples: int
    batch_size: int
    seed: int

    def __post_init__(self) -> None:
        if self.batch_size > self.samples:
            raise DataError(
                f"train.batch_size = {self.batch_size} is more than the {self.samples} samples "
                f"there are; use at most --set train.batch_size={self.samples}"
            )

    @property
    def steps_per_epoch(self) -> int:
        """The number of full batches in an epoch."""
        return self.samples // self.batch_size

    def epoch(self, step: int) -> int:
        """The epoch, from 0, to which step `step`, from 0, belongs."""
        return step // self.steps_per_epoch

    def batch(self, step: int) -> tuple[IntArray, IntArray]:
        """Sample numbers (B,) of step `step`, and a draw (B,) of large integers for each.

        The draw picks among a sample's captions: take it modulo their number.
        """
        epoch, place = divmod(step, self.steps_per_epoch)
        order, draws = _epoch(self.samples, self.seed, epoch)
        chosen = slice(place * self.batch_size, (place + 1) * self.batch_size)
        return order[chosen], draws[chosen]

    def share(self, rank: int, size: int) -> slice:
        """The places of the samples of process `rank` of `size` in a batch.

        They are contiguous, in the order of the ranks, and as even as can be; together they are the
        batch.

        >>> [Order(50, 8, 0).share(rank, 3) for rank in range(3)]
        [slice(0, 2, None), slice(2, 5, None), slice(5, 8, None)]

        Raises:
            DataError: more processes than samples in a batch.
        """
        if not 0 <= rank < size:
            raise DataError(f"process {rank} of {size}: ranks go from 0 to {size - 1}")
        if size > self.batch_size:
            raise DataError(
                f"train.batch_size = {self.batch_size} is less than the {size} processes; use at "
                f"least --set train.batch_size={size}"
            )
        return slice(rank * self.batch_size // size, (rank + 1) * self.batch_size // size)

    def local(self, step: int, rank: int, size: int) -> tuple[IntArray, IntArray]:
        """The part of `batch(step)` that process `rank` of `size` computes (`share`), as `batch`.

        Returns:
            Sample numbers and draws, (b,) each, where b is the number of samples of the process.
        """
        numbers, draws = self.batch(step)
        share = self.share(rank, size)
        return numbers[share], draws[share]


@lru_cache(maxsize=4)  # a permutation of millions takes longer than a step
def _epoch(samples: int, seed: int, epoch: int) -> tuple[IntArray, IntArray]:
    rng = np.random.Generator(np.random.Philox(np.random.SeedSequence([seed, epoch])))
    order, draws = rng.permutation(samples), rng.integers(0, 2**31, size=samples)
    order.flags.writeable = draws.flags.writeable = False
    return order, draws
