"""The directions of an objective: what looks for what, and among which rows."""

from dataclasses import dataclass
from itertools import permutations
from typing import Literal, get_args

from gcl_spec.errors import ConfigError

__all__ = ["Direction", "Pool", "all_directions"]

Pool = Literal["all", "target", "query"]


@dataclass(frozen=True, slots=True)
class Direction:
    """One search that is trained: rows of `query` look for their own sample's row of `target`.

    weight: the direction's share of the loss. Only ratios count where the objective is a mean over
        directions: equal weights of any size are then the same.
    pool: which rows compete, for this direction alone: a word as in `Objective`, or the names of
        the modalities whose rows do, as where a query tower searches three views of a document;
        the objective's when None.
    """

    query: str
    target: str
    weight: float = 1.0
    pool: Pool | tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        if self.query == self.target:
            raise ConfigError(
                f"direction {self.query}->{self.target}: query and target must differ; "
                "a row's positive is the same sample in another modality"
            )
        if not 0.0 < self.weight < float("inf"):
            raise ConfigError(
                f"direction {self.query}->{self.target}: weight {self.weight} must be positive and "
                "finite; leave the direction out to switch it off"
            )
        if isinstance(self.pool, tuple | list | set | frozenset):
            self._check_names(tuple(self.pool))
        elif self.pool is not None and self.pool not in get_args(Pool):
            raise ConfigError(
                f"direction {self.query}->{self.target}: pool = {self.pool!r}: must be one of "
                f"{', '.join(get_args(Pool))}, or names of modalities"
            )

    def _check_names(self, names: tuple[str, ...]) -> None:
        """Hold the names of a pool as a tuple in alphabetical order; refuse none, and one twice."""
        if not names or len({*names}) != len(names):
            raise ConfigError(
                f"direction {self.query}->{self.target}: pool = {names!r}: name at least one "
                "modality, each once"
            )
        object.__setattr__(self, "pool", tuple(sorted(names)))

    def __str__(self) -> str:
        return f"{self.query}->{self.target}"


def all_directions(modalities: tuple[str, ...]) -> tuple[Direction, ...]:
    """All ordered pairs of different modalities, the set P of equation 2, each with weight 1."""
    return tuple(Direction(query, target) for query, target in permutations(modalities, 2))
