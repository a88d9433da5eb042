"""The calibrations by name, and those that apply one after another, such as "cfu+bank"."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from gcl_spec._typing import Array, FloatArray, IntArray
from gcl_spec._words import nearest
from gcl_spec.errors import ConfigError
from gcl_spec.evaluate.calibrations.align import ReAlign, Whiten
from gcl_spec.evaluate.calibrations.biases import Bank, Standard
from gcl_spec.evaluate.calibrations.calibration import Calibration, FittedCalibration
from gcl_spec.evaluate.calibrations.centre import CentredParts, Mean
from gcl_spec.evaluate.calibrations.own_biases import OwnBiases
from gcl_spec.evaluate.calibrations.rows import (
    ROLES,
    Encode,
    Fitting,
    Role,
    Rows,
    in_role,
    rows_of,
    with_roles,
)
from gcl_spec.tasks.item import Item

__all__ = [
    "BIAS",
    "CALIBRATIONS",
    "FITTED",
    "Chain",
    "apply_to_columns",
    "apply_to_items",
    "check_name",
    "fit",
    "from_arrays",
    "meaning",
]

_OF_ROWS: Mapping[str, type[FittedCalibration]] = {
    kind.name: kind for kind in (Mean, CentredParts, Bank, Standard, ReAlign, Whiten)
}
_KINDS: Mapping[str, type[Calibration]] = {**_OF_ROWS, OwnBiases.name: OwnBiases}
FITTED: tuple[str, ...] = (*_OF_ROWS, "cfu+bank")
"""The names of those that are fitted on rows."""
BIAS = OwnBiases.name
"""The name of the one that is made of a run's own biases."""
CALIBRATIONS: tuple[str, ...] = (*FITTED, BIAS)
"""The names that users may choose."""


@dataclass(frozen=True)
class Chain:
    """Calibrations of which each is fitted on, and applied to, what the one before it makes."""

    name: str
    links: tuple[Calibration, ...]

    @property
    def appended(self) -> int:
        """How many numbers all of them append to each row."""
        return sum(link.appended for link in self.links)

    def apply(self, rows: Rows, role: Role) -> Array:
        """The rows to search with, (N, D + `appended`); see `Calibration.apply`."""
        for link in self.links[:-1]:
            rows = _after(link, rows, role)
        return self.links[-1].apply(rows, role)

    def apply_to_parts(
        self, role: str, modality: str, whole_ND: FloatArray, parts: Mapping[str, FloatArray]
    ) -> FloatArray:
        """The rows of `apply`, (N, D + `appended`), as `gcl embed` asks for them.

        Args:
            role: "query" or "candidate".
            modality: that of N items.
            whole_ND: their rows, (N, D).
            parts: the rows of each of their parts alone, (N, D) each.
        """
        own: Role = "query" if role == "query" else "candidate"
        return np.asarray(self.apply(Rows(modality, whole_ND, parts), own))

    def arrays(self) -> Mapping[str, FloatArray]:
        """The states of all links, of any shape, by the number of the link."""
        return {
            f"{n}/{name}": x
            for n, link in enumerate(self.links)
            for name, x in link.arrays().items()
        }


def fit(name: str, samples: Fitting) -> Chain:
    """The calibration of a name in `FITTED`, fitted on rows without labels.

    Args:
        name: of one calibration, or of several that apply one after another, such as "cfu+bank".
        samples: NumPy rows by role and modality.

    Raises:
        ConfigError: there is none of this name, or it is not fitted on rows.
    """
    check_name(name)
    if any(part not in _OF_ROWS for part in name.split("+")):
        raise ConfigError(f"calibration {name!r}: {BIAS} is a run's own, and not fitted on rows")
    links: list[FittedCalibration] = []
    for kind in (_OF_ROWS[part] for part in name.split("+")):
        if links:
            samples = with_roles({role: _all_after(links[-1], samples, role) for role in ROLES})
        links.append(kind.fit(samples))
    return Chain(name, tuple(links))


def from_arrays(name: str, arrays: Mapping[str, Any]) -> Chain:
    """The calibration of a name whose state is that of `Chain.arrays`."""
    links = []
    for n, kind in enumerate(_kinds(name)):
        own = {key.split("/", 1)[1]: x for key, x in arrays.items() if key.startswith(f"{n}/")}
        links.append(kind.from_arrays(own))
    return Chain(name, tuple(links))


def check_name(name: str) -> None:
    """Raise a `ConfigError` where there is no calibration of this name."""
    _kinds(name)


def meaning(name: str) -> str:
    """One line for users on what a calibration does."""
    return ", then ".join(kind.meaning for kind in _kinds(name))


def apply_to_items(
    calibration: Chain, items: Sequence[Item], encode: Encode, roles: Sequence[Role] = ROLES
) -> dict[Role, FloatArray]:
    """The rows of items by role, shape (N, D + A) each, for A appended numbers.

    Args:
        calibration: fitted on rows of the same model.
        items: N items of any modalities.
        encode: makes unit rows of items, and is also asked for those of their parts.
        roles: those that are wanted.
    """
    groups = rows_of(items, encode)
    return {
        role: _together(len(items), [(n, calibration.apply(rows, role)) for n, rows in groups])
        for role in roles
    }


def apply_to_columns(
    calibration: Chain,
    columns: Mapping[str, Sequence[Any]],
    encode: Callable[[Mapping[str, Sequence[Any]]], FloatArray],
    role: Role,
) -> FloatArray:
    """The rows of samples in one role, shape (N, D + A), for A appended numbers.

    Args:
        calibration: fitted on rows of the same model.
        columns: N entries by given modality, None where a sample has none.
        encode: makes unit rows of samples that all have the same parts, given in the same way.
        role: what they are used as.
    """
    has_GN = np.asarray([[x is not None for x in column] for column in columns.values()])
    groups: list[tuple[IntArray, FloatArray]] = []
    for own_G in np.unique(has_GN, axis=1).T:
        here = np.flatnonzero(np.all(has_GN == own_G[:, None], axis=0))
        names = sorted(name for name, has in zip(columns, own_G, strict=True) if has)
        some = {name: [columns[name][n] for n in here.tolist()] for name in names}
        whole_ND = encode(some)
        alone = len(names) == 1
        parts = {name: whole_ND if alone else encode({name: some[name]}) for name in names}
        groups.append((here, calibration.apply(Rows("+".join(names), whole_ND, parts), role)))
    return _together(has_GN.shape[1], groups)


def _together(count: int, groups: Sequence[tuple[IntArray, FloatArray]]) -> FloatArray:
    """The rows of all groups, (count, D), each at its place."""
    whole_ND = np.empty((count, groups[0][1].shape[1]), groups[0][1].dtype)
    for here, z_ND in groups:
        whole_ND[here] = z_ND
    return whole_ND


def _after(link: Calibration, rows: Rows, role: Role) -> Rows:
    made = link.apply(rows, role)
    parts = {
        name: made if name == rows.modality else link.apply(Rows.single(name, z_ND), role)
        for name, z_ND in rows.parts.items()
    }
    return Rows(rows.modality, made, parts)


def _all_after(link: Calibration, samples: Fitting, role: Role) -> dict[str, Rows]:
    return {name: _after(link, rows, role) for name, rows in in_role(samples, role).items()}


def _kinds(name: str) -> list[type[Calibration]]:
    kinds = [_KINDS.get(part) for part in name.split("+")]
    if any(kind is None for kind in kinds):
        raise ConfigError(
            f"no calibration {name!r} (there are {', '.join(CALIBRATIONS)})"
            f"{nearest(name, CALIBRATIONS)}"
        )
    return [kind for kind in kinds if kind is not None]
