"""Fixed adversarial cases: each is a place where a plausible loss goes wrong."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from gcl_spec._typing import BoolArray, FloatArray, IntArray
from gcl_spec.objective import CLIP, GCL, PAIRWISE, Direction, Objective

__all__ = ["Case", "fixed_cases"]

_DROP = Objective(same_sample="drop")
_KEEP = Objective(self_term="keep")
_POSITIVE = Objective(duplicates="positive")


@dataclass(frozen=True, slots=True, eq=False)
class Case:
    """Input of a loss, in float64; a check rounds it to the dtype under test first."""

    name: str
    z_MBD: FloatArray
    log_scale: float
    objective: Objective
    present: BoolArray | None = None
    ids: IntArray | None = None


def fixed_cases() -> tuple[Case, ...]:
    """The cases of `gcl verify-backends`, the same on every machine."""
    return (*_objectives(), *_scales(), *_geometry(), *_masks(), *_ids())


def _rows(seed: int, modalities: int, batch: int, width: int = 16) -> FloatArray:
    """Generic rows of different norms: unit rows alone hide a missing factor.

    Most cases are 3 x 8 x 16, so that a compiling backend compiles once an objective.
    """
    rng = np.random.default_rng(seed)
    rows = rng.normal(size=(modalities, batch, width))
    norms = rng.uniform(0.5, 2.0, size=(modalities, batch, 1))
    return np.asarray(norms * rows / np.linalg.norm(rows, axis=-1, keepdims=True))


def _unit(x: FloatArray) -> FloatArray:
    return np.asarray(x / np.linalg.norm(x, axis=-1, keepdims=True))


def _objectives() -> Iterator[Case]:
    ablations = {
        f"GCL without {a}<->{b}": Objective(
            directions=tuple(d for d in GCL.directions if {d.query, d.target} != {a, b})
        )
        for a, b in (("image", "text"), ("image", "image+text"), ("text", "image+text"))
    }
    weighted = Objective(
        directions=(Direction("image", "text", 3.0), Direction("image+text", "image", 0.25))
    )
    named = {"GCL": GCL, "GCL drop": _DROP, "GCL keep self": _KEEP, "pairwise": PAIRWISE}
    for i, (name, objective) in enumerate({**named, **ablations, "weighted": weighted}.items()):
        yield Case(name, _rows(i, 3, 8), 1.5, objective)
    yield Case("CLIP", _rows(20, 2, 8), 1.5, CLIP)
    two = Objective(modalities=("audio", "text"))
    four = Objective(modalities=("image", "text", "video", "video+text"))
    yield Case("two modalities", _rows(21, 2, 6), 1.5, two)
    yield Case("four modalities", _rows(22, 4, 5), 1.5, four)


def _scales() -> Iterator[Case]:
    for log_scale in (-2.0, 0.0, 4.6):
        yield Case(f"log_scale {log_scale}", _rows(30, 3, 8), log_scale, GCL)
    yield Case("norm 10, tau 0.02", 10 * _unit(_rows(31, 3, 8)), float(np.log(50)), GCL)


def _geometry() -> Iterator[Case]:
    yield Case("one sample", _rows(40, 3, 1), 1.0, GCL)
    same = np.broadcast_to(_unit(_rows(41, 1, 1)), (3, 8, 16)).copy()
    yield Case("collapsed", same, 4.6, GCL)
    anchor = _unit(_rows(42, 1, 8))
    close = _unit(anchor + 1e-3 * _rows(43, 3, 8))
    yield Case("converged", close, float(np.log(100)), GCL)
    yield Case("converged, drop", close, float(np.log(100)), _DROP)
    twins = _rows(44, 3, 8)
    twins[:, 3] = twins[:, 0]
    yield Case("two equal samples", twins, 2.0, GCL)
    gap = _unit(_rows(45, 3, 8) + 4.0 * np.eye(3, 16)[:, None, :])
    yield Case("modality gap", gap, float(np.log(100)), GCL)
    yield Case("orthogonal", np.tile(np.eye(8, 16), (3, 1, 1)), 2.0, GCL)
    yield Case("width 1", _rows(46, 3, 5, width=1), 1.0, GCL)
    yield Case("wide", _rows(47, 3, 4, width=512), 3.0, GCL)


def _masks() -> Iterator[Case]:
    rng = np.random.default_rng(50)
    present = rng.random((3, 8)) > 0.3
    present[:, 0] = True
    rows = _rows(51, 3, 8)
    yield Case("missing rows", rows, 2.0, GCL, present=present)
    yield Case("missing rows, drop", rows, 2.0, _DROP, present=present)
    balanced = Objective(balance="direction")
    yield Case("missing rows, by direction", rows, 2.0, balanced, present=present)
    poisoned = rows.copy()
    poisoned[~present] = np.nan
    yield Case("NaN in missing rows", poisoned, 2.0, GCL, present=present)
    text_only = np.ones((3, 8), bool)
    text_only[[0, 2], 1:] = False
    yield Case("one image, eight texts", _rows(52, 3, 8), 2.0, GCL, present=text_only)


def _ids() -> Iterator[Case]:
    ids = np.asarray([5, 1, 5, 2, 1, 5, 9, 3])
    present = np.random.default_rng(60).random((3, 8)) > 0.25
    present[:, :2] = True
    rules: dict[str, Callable[[], Objective]] = {
        "drop": lambda: GCL,
        "positive": lambda: _POSITIVE,
        "positive, drop": lambda: Objective(duplicates="positive", same_sample="drop"),
        "positive, keep self": lambda: Objective(duplicates="positive", self_term="keep"),
    }
    for name, rule in rules.items():
        yield Case(f"equal ids: {name}", _rows(61, 3, 8), 1.5, rule(), ids=ids)
    yield Case("equal ids, missing rows", _rows(62, 3, 8), 1.5, _POSITIVE, present, ids)
    yield Case("all ids equal", _rows(63, 3, 8), 1.5, _POSITIVE, ids=np.zeros(8, np.int64))
