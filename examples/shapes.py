"""Pictures and captions to try a loop on: "a small red circle", drawn."""

from itertools import product
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

__all__ = ["CAPTIONS", "VOCABULARY", "Shapes", "draw"]

_SIZES = {"small": 6, "large": 11}
_COLOURS = {
    "red": (220, 50, 47),
    "green": (60, 160, 60),
    "blue": (40, 90, 220),
    "yellow": (230, 200, 40),
    "violet": (150, 60, 190),
}
_FORMS = ("circle", "square", "cross", "stripe")
_KINDS = list(product(_SIZES, _COLOURS, _FORMS))

CAPTIONS = [f"a {size} {colour} {form}" for size, colour, form in _KINDS]
VOCABULARY = ["<end>", "a", *_SIZES, *_COLOURS, *_FORMS]


class Shapes(NamedTuple):
    """Pairs of a picture and its caption."""

    pixels: npt.NDArray[np.float32]
    """(B, 3, 32, 32), in -1 to 1."""
    tokens: npt.NDArray[np.int64]
    """(B, 5): the caption's words in `VOCABULARY`, and the end."""
    ids: npt.NDArray[np.int64]
    """(B,): the caption's number. Equal captions are not each other's negatives."""


def draw(count: int, seed: int = 0) -> Shapes:
    """Pictures of drawn kinds at drawn places, on grey noise; the same for the same seed."""
    rng = np.random.default_rng(seed)
    ids = rng.integers(len(_KINDS), size=count)
    tokens = [[*map(VOCABULARY.index, CAPTIONS[i].split()), 0] for i in ids]
    pixels = np.stack([_picture(*_KINDS[i], rng) for i in ids])
    return Shapes(pixels.astype(np.float32), np.asarray(tokens), ids)


def _picture(
    size: str, colour: str, form: str, rng: np.random.Generator
) -> npt.NDArray[np.float64]:
    y, x = np.mgrid[:32, :32]
    radius = _SIZES[size]
    v, u = y - rng.integers(radius, 33 - radius), x - rng.integers(radius, 33 - radius)
    inside = {
        "circle": u**2 + v**2 < radius**2,
        "square": np.maximum(abs(u), abs(v)) < 0.8 * radius,
        "cross": np.minimum(abs(u), abs(v)) < 0.3 * radius,
        "stripe": abs(v) < 0.3 * radius,
    }[form] & (np.maximum(abs(u), abs(v)) < radius)
    picture = rng.normal(128, 20, (3, 32, 32))
    picture[:, inside] = np.asarray(_COLOURS[colour])[:, None]
    return picture.clip(0, 255) / 127.5 - 1
