"""What the API answers: each is one JSON object of these names."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ["About", "Found", "Points", "Refused", "Shown"]


@dataclass(frozen=True, slots=True)
class About:
    """The index.

    name: of its folder. run: the name of the run whose model it has. items: the number of items.
    modalities: the number of items of each modality. calibrations: the names of those whose rows it
    has; the empty name stands for none. most_bytes: the largest request. codes: "int8" or "binary"
    where scores are approximate, since the index holds such codes alone; "" elsewhere.
    """

    name: str
    run: str
    items: int
    modalities: Mapping[str, int]
    calibrations: list[str]
    most_bytes: int
    codes: str = ""


@dataclass(frozen=True, slots=True)
class Shown:
    """An item, and its score where it was found.

    text: its text, of a long one the beginning; None where it has none. picture: it has one, which
    `/api/picture?id=ID` shows. path: of the picture, below the place that it came from.
    """

    id: str
    modality: str
    text: str | None
    picture: bool
    path: str | None
    score: float | None = None

    @classmethod
    def of(cls, item: Any, *, score: float | None = None) -> "Shown":
        """An item as the index has it, with `id`, `modality`, `text` and `image`."""
        return cls(item.id, item.modality, item.text, item.image is not None, item.image, score)


@dataclass(frozen=True, slots=True)
class Found:
    """The hits of a search, best first, and how long it took with the encoding of its query."""

    hits: list[Shown]
    seconds: float


@dataclass(frozen=True, slots=True)
class Points:
    """Some items on the plane in which their rows vary most.

    items: at most as many as were asked for, evenly spread over the index. x, y: their places on
    the first two principal components. shares: the parts of the variance that x and y have.
    """

    items: list[Shown]
    x: list[float]
    y: list[float]
    shares: tuple[float, float]


@dataclass(frozen=True, slots=True)
class Refused:
    """Why a request was refused: one sentence."""

    error: str
