"""Queries: a picture, a text, both, less another text, or an item of the index."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from gcl_spec._typing import FloatArray
from gcl_spec._words import nearest
from gcl_spec.config.user_paths import is_text
from gcl_spec.errors import ConfigError, InputError
from gcl_spec.objective import name_parts

if TYPE_CHECKING:
    from gcl_spec.data.prepare.pictures import ImageInput
    from gcl_spec.evaluate.calibrations.known import Chain
    from gcl_spec.evaluate.calibrations.rows import Rows

__all__ = [
    "MODALITIES",
    "MOST_TEXT",
    "Query",
    "calibrated",
    "check_asked",
    "chosen_modalities",
    "given_vector",
    "stored_rows",
    "unit",
]

MODALITIES = ("image", "text", "image+text")
"""The modalities that the items of an index may have."""
MOST_TEXT = 100_000
"""The most characters of a text that is indexed, or searched for."""


@dataclass(frozen=True, slots=True)
class Query:
    """What is searched for.

    image: a picture, by path, content or otherwise.
    text: a text; with a picture the two are fused.
    minus: a text whose row is subtracted.
    weight: the share of the picture's unit row in the sum of both, from 0 to 1; None: they are
        fused as the run fuses.

    Raises:
        InputError: nothing is given, a text is empty or too long, or a weight is out of range or
            has not two parts to weigh.
    """

    image: "ImageInput | None" = None
    text: str | None = None
    minus: str | None = None
    weight: float | None = None

    def __post_init__(self) -> None:
        if self.image is None and self.text is None:
            raise InputError("nothing to search for: give a picture, a text, or both")
        for name, text in (("text", self.text), ("text to subtract", self.minus)):
            if text is not None:
                _check_text(name, text)
        if self.weight is not None and (self.image is None or self.text is None):
            raise InputError("a weight is for a search by a picture and a text")
        if self.weight is not None and not 0 <= self.weight <= 1:
            raise InputError(f"the weight of the picture is {self.weight}; wanted 0 to 1")

    @property
    def modality(self) -> str:
        """The name of its parts together."""
        parts = {"image": self.image, "text": self.text}
        return "+".join(name for name, x in parts.items() if x is not None)

    def columns(self) -> dict[str, list[Any]]:
        """The samples to encode: all parts, the picture, the text, and what is subtracted."""
        both = self.image is not None and self.text is not None
        samples: list[tuple[Any, Any]] = [(self.image, self.text)]
        if both:
            samples += [(self.image, None), (None, self.text)]
        if self.minus is not None:
            samples.append((None, self.minus))
        return {"image": [x for x, _ in samples], "text": [x for _, x in samples]}

    def rows(self, rows_SD: FloatArray) -> "Rows":
        """The row of the query and those of its parts, (1, D) each.

        Args:
            rows_SD: those of the samples of `columns`, (S, D).

        Raises:
            InputError: nothing is left of the row.
        """
        from gcl_spec.evaluate.calibrations.rows import Rows

        whole_D, names = rows_SD[0], name_parts(self.modality)
        parts = {names[0]: rows_SD[:1]}
        if len(names) > 1:
            parts = {name: rows_SD[n : n + 1] for n, name in enumerate(names, 1)}
            if self.weight is not None:
                image_D, text_D = rows_SD[1], rows_SD[2]
                whole_D = unit(self.weight * image_D + (1 - self.weight) * text_D)
        if self.minus is not None:
            whole_D = unit(whole_D - rows_SD[-1])
            if len(names) == 1:
                parts = {names[0]: whole_D[None]}
        return Rows(self.modality, whole_D[None], parts)


def stored_rows(modality: str, row_D: FloatArray) -> "Rows":
    """The row (D,) of an item of the index, as a query; those of its parts are not known."""
    from gcl_spec.evaluate.calibrations.rows import Rows

    whole_1D = unit(row_D.astype(np.float32))[None]
    parts: Mapping[str, FloatArray] = {} if "+" in modality else {modality: whole_1D}
    return Rows(modality, whole_1D, parts)


def calibrated(rows: "Rows", chain: "Chain | None") -> FloatArray:
    """The row (D,) to search with, or (D + A,) where a calibration appends numbers.

    Raises:
        ConfigError: the calibration needs the rows of the parts, which are not known.
    """
    if chain is None:
        return np.asarray(rows.whole[0], np.float32)
    try:
        calibrated_rows = chain.apply(rows, "query")
    except LookupError:
        if rows.parts:
            raise
        raise ConfigError(
            f"calibration {chain.name} needs the picture and the text of an item alone; search by "
            "these in place of the item"
        ) from None
    return np.asarray(calibrated_rows[0], np.float32)


def check_asked(
    k: int, min_score: float | None, given: tuple[bool, bool, bool], *, weighed: bool
) -> None:
    """Refuse a search that asks for nothing, or for two things at once.

    Args:
        k: how many hits are wanted.
        min_score: the least score of one.
        given: whether there is a picture or a text, an item, and a vector.
        weighed: whether parts of the query are weighed or subtracted.

    Raises:
        InputError: so it is.
    """
    if k < 1:
        raise InputError(f"k is {k}; wanted 1 or more hits")
    if sum(given) != 1:
        raise InputError("give a picture, a text or both; or like, the id of an item; or vector")
    if not given[0] and weighed:
        raise InputError("minus and weight are for a search by a picture, a text, or both")
    if min_score is not None and not np.isfinite(min_score):
        raise InputError(f"min_score is {min_score}; wanted a number such as 0.2")


def chosen_modalities(only: str | Collection[str]) -> tuple[str, ...]:
    """The modalities that a filter names.

    Raises:
        InputError: there is none of a name.
    """
    names = (only,) if isinstance(only, str) else tuple(only)
    for name in names:
        if name not in MODALITIES:
            known = ", ".join(MODALITIES)
            raise InputError(
                f"no modality {name!r:.80} (there are {known}){nearest(name, MODALITIES)}"
            )
    return names


def given_vector(vector: Any, width: int, *, as_it_is: bool) -> FloatArray:
    """A vector of a program as a row (D,) to search with.

    Args:
        vector: numbers (D,).
        width: the number D.
        as_it_is: it need not have norm 1.

    Raises:
        InputError: it has another shape, or is zero, or not finite.
    """
    try:
        found_D = np.asarray(vector, np.float32)
    except (TypeError, ValueError):
        found_D = np.zeros(0, np.float32)
    if found_D.shape != (width,):
        raise InputError(f"the vector has shape {found_D.shape}; wanted ({width},)")
    row_D = unit(found_D)
    return found_D if as_it_is else row_D


def unit(row_D: FloatArray) -> FloatArray:
    """A row (D,) of norm 1.

    Raises:
        InputError: it is zero, or not finite.
    """
    norm = float(np.linalg.norm(row_D))
    if not 1e-6 < norm < np.inf:
        raise InputError("the row of this query is zero, or holds NaN or Inf: nothing is near it")
    return np.asarray(row_D / norm, np.float32)


def _check_text(name: str, text: str) -> None:
    if not text.strip():
        raise InputError(f"the {name} is empty")
    if len(text) > MOST_TEXT:
        raise InputError(f"the {name} has {len(text):,} characters; at most {MOST_TEXT:,} fit")
    if not is_text(text):
        raise InputError(f"the {name} holds half a surrogate pair, which is no text")
