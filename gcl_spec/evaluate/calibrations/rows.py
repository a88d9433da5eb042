"""Rows of one modality with the rows of their parts, of which calibrations make other rows."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np

from gcl_spec._typing import Array, FloatArray, IntArray
from gcl_spec.errors import InputError
from gcl_spec.objective import name_parts
from gcl_spec.tasks.item import Item

__all__ = [
    "ROLES",
    "ROUNDING",
    "Encode",
    "EncodedOnce",
    "Fitting",
    "Role",
    "Rows",
    "encoded",
    "in_role",
    "key",
    "mean_row",
    "rows_of",
    "same_roles",
    "with_roles",
]

Role: TypeAlias = Literal["query", "candidate"]
ROLES: tuple[Role, ...] = ("query", "candidate")
ROUNDING = 1e-12
"""A variance in float64 below this share of the mean square is none: the numbers are equal."""
Encode: TypeAlias = Callable[[Sequence[Item]], FloatArray]


@dataclass(frozen=True)
class Rows:
    """Unit rows of N items of one modality.

    modality: such as "text" or "image+text".
    whole: the rows of the items, shape (N, D), arrays of any library.
    parts: the rows of each given modality alone that the items consist of, (N, D) each; a modality
        that is not fused has `whole` itself.
    """

    modality: str
    whole: Array
    parts: Mapping[str, Array]

    @classmethod
    def single(cls, modality: str, whole_ND: Array) -> "Rows":
        """The rows (N, D) of a modality that is not fused."""
        return cls(modality, whole_ND, {modality: whole_ND})


Fitting: TypeAlias = Mapping[str, Rows]
"""Host rows (NumPy) to fit on, by `key`, such as "query/text" and "candidate/text"."""


def key(role: Role, modality: str) -> str:
    """The name of the rows of a modality in a role, as the states of calibrations have it."""
    return f"{role}/{modality}"


def with_roles(by_role: Mapping[Role, Mapping[str, Rows]]) -> Fitting:
    """Rows to fit on, of rows by role, and then by modality."""
    return {key(role, name): x for role, own in by_role.items() for name, x in own.items()}


def same_roles(by_modality: Mapping[str, Rows]) -> Fitting:
    """Rows that stand for queries and candidates alike, as rows of training data do."""
    return with_roles(dict.fromkeys(ROLES, by_modality))


def in_role(samples: Fitting, role: Role) -> dict[str, Rows]:
    """The rows of one role, by modality."""
    return {x.modality: x for name, x in samples.items() if name == key(role, x.modality)}


def mean_row(z_ND: Array) -> FloatArray:
    """The mean (D,) of host rows (N, D), computed in float64."""
    mean_D: FloatArray = np.asarray(z_ND, np.float64).mean(axis=0)
    return mean_D


def encoded(items: Sequence[Item], encode: Encode) -> FloatArray:
    """The rows (N, D) of N items, which are finite numbers.

    Raises:
        InputError: a row holds NaN or Inf, or the encoder gave another number of rows.
    """
    z_ND = encode(items)
    if z_ND.ndim != 2 or len(z_ND) != len(items):
        raise InputError(f"encode gave an array of shape {z_ND.shape} for {len(items)} items")
    fine_N = np.isfinite(z_ND).all(axis=1)
    if not fine_N.all():
        item = items[int(np.argmin(fine_N))]
        raise InputError(f"the embedding of {dict(item.content)} holds NaN or Inf")
    return z_ND


class EncodedOnce:
    """An encoder of items that encodes each content once, however often it is asked for it.

    Args:
        encode: makes unit rows (N, D) of N items.
    """

    def __init__(self, encode: Encode) -> None:
        self._encode = encode
        self._rows: dict[tuple[tuple[str, str], ...], FloatArray] = {}

    def __call__(self, items: Sequence[Item]) -> FloatArray:
        """The rows (N, D) of N items, one at least; errors as those of `encoded`."""
        new = dict.fromkeys(item.content for item in items if item.content not in self._rows)
        if new:
            z_ND = encoded([Item("", **dict(content)) for content in new], self._encode)
            self._rows.update(zip(new, z_ND, strict=True))
        return np.stack([self._rows[item.content] for item in items])


def rows_of(items: Sequence[Item], encode: Encode) -> list[tuple[IntArray, Rows]]:
    """The rows of items of any modalities, and of their parts; each content is encoded once.

    Args:
        items: N items.
        encode: makes unit rows (M, D) of M items.

    Returns:
        For each modality the places, shape (n,), of its items among the N, and their rows (n, D).

    Raises:
        InputError: a row holds NaN or Inf, or the encoder gave another number of rows.
    """
    contents = dict.fromkeys(item.content for item in items)
    contents |= dict.fromkeys((part,) for item in items for part in item.content)
    place = {content: n for n, content in enumerate(contents)}
    z_MD = encoded([Item("", **dict(content)) for content in contents], encode)
    modalities = np.asarray([item.modality for item in items])
    groups: list[tuple[IntArray, Rows]] = []
    for name in dict.fromkeys(modalities.tolist()):
        here = np.flatnonzero(modalities == name)
        own = [items[n] for n in here.tolist()]
        parts = {
            part: z_MD[[place[((part, item.get(part) or ""),)] for item in own]]
            for part in name_parts(name)
        }
        groups.append((here, Rows(name, z_MD[[place[item.content] for item in own]], parts)))
    return groups
