"""What a search of an index finds."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

__all__ = ["Found", "Hit", "interleaved", "ranked"]


@dataclass(frozen=True, slots=True)
class Hit:
    """An item that a search has found.

    rank: 1 for the best.
    score: the inner product of the unit rows, which is the cosine; with a calibration, that of the
        calibrated rows.
    modality: "image", "text" or "image+text".
    text: its text, of a long one the beginning; None where it has none.
    image: the path of its picture, below the folder or data that it came from; None where it has
        none.
    origin: the number of that place among `Index.origins`.
    """

    rank: int
    score: float
    modality: str
    id: str
    text: str | None
    image: str | None
    origin: int

    def to_json(self) -> dict[str, Any]:
        """Plain values by name."""
        return {name: getattr(self, name) for name in self.__slots__}


class Found(NamedTuple):
    """An item that a search has found."""

    score: float
    id: str
    modality: str
    text: str | None
    image: str | None
    origin: int


def ranked(candidates: Iterable[Found], k: int) -> list[Found]:
    """The `k` best of these items; of equal scores the lower id comes first."""
    return sorted(candidates, key=lambda x: (-x.score, x.id))[:k]


def interleaved(lists: Sequence[Sequence[Found]], k: int) -> list[Found]:
    """The `k` first of the lists in turn; the one with the best hit begins.

    Args:
        lists: the hits of each modality, best first.
        k: how many are wanted.
    """
    full = sorted((x for x in lists if x), key=lambda x: (-x[0].score, x[0].id))
    longest = max(map(len, full), default=0)
    return [x[n] for n in range(longest) for x in full if n < len(x)][:k]
