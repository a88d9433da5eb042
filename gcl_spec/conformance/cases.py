"""Fixed adversarial cases: each is a place where a plausible loss goes wrong."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from gcl_spec._typing import BoolArray, FloatArray, IntArray
from gcl_spec.conformance.fused import Fused
from gcl_spec.objective import (
    CLIP,
    GCL,
    PAIRWISE,
    PRESETS,
    Direction,
    Objective,
    all_directions,
)

__all__ = ["Case", "describe", "fixed_cases", "quick_cases"]

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
    tile: int | None = None
    weights: FloatArray | None = None
    """(F, 2, B), where `z_MBD` has no rows of the F fused modalities."""

    @property
    def fused(self) -> Fused:
        """The rows of every modality, and how they follow from those that are given."""
        return Fused(self.z_MBD, self.objective, self.present, self.weights)

    @property
    def contrast(self) -> str:
        """A short name of the objective, and of what is fused inside of the loss."""
        fusion = "fused" if self.weights is None else "fused, weighted"
        name = describe(self.objective)
        return f"{name} {fusion}" if len(self.z_MBD) < len(self.objective.modalities) else name

    @property
    def masks(self) -> str:
        """Which masks are given: "none", "present", "ids" or "both"."""
        given = [name for name in ("present", "ids") if getattr(self, name) is not None]
        return "both" if len(given) == 2 else (given or ["none"])[0]


def describe(objective: Objective) -> str:
    """A short name of an objective: its preset, or the options that are not GCL's.

    >>> describe(GCL), describe(Objective(modalities=("a", "b"), self_term="keep"))
    ('gcl', 'M=2 self:keep')
    """
    for name, known in PRESETS.items():
        if objective == known:
            return name
    parts = [] if objective.modalities == GCL.modalities else [f"M={len(objective.modalities)}"]
    if {(d.query, d.target) for d in objective.directions} != {
        (d.query, d.target) for d in all_directions(objective.modalities)
    }:
        parts.append(f"T={len(objective.directions)}")
    parts += ["weighted"] if len({d.weight for d in objective.directions}) > 1 else []
    options = {"pool": "pool", "self_term": "self", "same_sample": "same"}
    for option, short in {**options, "duplicates": "ids", "balance": "by"}.items():
        if getattr(objective, option) != getattr(GCL, option):
            parts.append(f"{short}:{getattr(objective, option)}")
    return " ".join(parts) or "gcl, renamed"


def fixed_cases() -> tuple[Case, ...]:
    """All fixed cases, the same on every machine; `quick_cases` are among them."""
    found = (*quick_cases(), *_objectives(), *_scales(), *_geometry(), *_masks(), *_ids())
    return (*found, *_fusions())


def quick_cases() -> tuple[Case, ...]:
    """The cases of `gcl verify-backends`: few programs to compile, and every known bug shows.

    They have five combinations of objective, shape and masks, so that a compiling backend compiles
    five times a dtype; `gcl_spec.conformance.mutants` are what they must tell from the truth.
    """
    return (*_shared(), *_small())


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
    for tile in (1, 3, 8, 100):
        yield Case(f"GCL, tiles of {tile}", _rows(23, 3, 8), 1.5, GCL, tile=tile)


def _scales() -> Iterator[Case]:
    for log_scale in (-2.0, 0.0, 4.6):
        yield Case(f"log_scale {log_scale}", _rows(30, 3, 8), log_scale, GCL)
    yield Case("log_scale 7, unit rows", _unit(_rows(32, 3, 8)), 7.0, GCL)
    yield Case("norm 10, tau 0.02", 10 * _unit(_rows(31, 3, 8)), float(np.log(50)), GCL)


def _geometry() -> Iterator[Case]:
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
    yield Case("missing rows, tiles of 3", rows, 2.0, GCL, present=present, tile=3)


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
    yield Case("equal ids, tiles of 3", _rows(61, 3, 8), 1.5, GCL, ids=ids, tile=3)
    yield Case("equal ids, missing rows", _rows(62, 3, 8), 1.5, _POSITIVE, present, ids)
    yield Case("all ids equal: drop", _rows(63, 3, 8), 1.5, GCL, ids=np.zeros(8, np.int64))
    yield Case("all ids equal", _rows(63, 3, 8), 1.5, _POSITIVE, ids=np.zeros(8, np.int64))


def _fusions() -> Iterator[Case]:
    """Fused rows that are not given: with one factor a row, and with two."""
    rows, rng = _rows(80, 2, 8), np.random.default_rng(81)
    weights = rng.uniform(0.2, 3.0, size=(1, 2, 8))
    present = rng.random((3, 8)) > 0.3
    present[:, 0] = True
    present[2] &= present[0] | present[1]  # of nothing no row can be made
    ids = np.asarray([5, 1, 5, 2, 1, 5, 9, 3])
    yield Case("fused", rows, 1.5, GCL)
    yield Case("fused, unit rows, tiles of 3", _unit(rows), 4.6, GCL, tile=3)
    yield Case("fused, pairwise, tiles of 3", rows, 1.5, PAIRWISE, tile=3)
    yield Case("fused, missing rows", rows, 1.5, GCL, present)
    yield Case("fused, positives, tiles of 3", rows, 1.5, _POSITIVE, present, ids, 3)
    yield Case("weighted fusion", rows, 1.5, GCL, weights=weights)
    yield Case("weighted fusion, keep self, tiles of 3", rows, 1.5, _KEEP, tile=3, weights=weights)
    yield Case("weighted fusion, missing rows", rows, 1.5, _DROP, present, ids, 3, weights)
    close = _unit(_unit(_rows(82, 1, 8)) + 1e-3 * _rows(83, 2, 8))
    yield Case("fused, converged", close, float(np.log(100)), GCL, tile=3)
    apart = np.stack([rows[0], -rows[0] + 0.05 * rows[1]])
    yield Case("fused, parts nearly cancel out", apart, 1.5, GCL, tile=3)
    five = Objective(modalities=("image", "text", "video", "image+text", "video+text"))
    yield Case("two fusions", _rows(84, 3, 5), 1.5, five, tile=2)
    both = rng.uniform(0.2, 3.0, size=(2, 2, 5))
    yield Case("two weighted fusions", _rows(84, 3, 5), 1.5, five, tile=2, weights=both)


def _shared() -> Iterator[Case]:
    """GCL on 3 x 8 x 16 with both masks as arrays: one program for all that values can do."""
    cases = [*_scales(), *_geometry(), *_masks(), *_ids()]
    for case in cases:
        if case.objective == GCL and case.z_MBD.shape == (3, 8, 16) and case.tile is None:
            present = np.ones((3, 8), bool) if case.present is None else case.present
            ids = np.arange(8) if case.ids is None else case.ids
            yield replace(case, name=f"{case.name}; masked", present=present, ids=ids)
    mixed = next(case for case in cases if case.name == "equal ids, missing rows")
    yield replace(mixed, name="equal ids and missing rows; masked", objective=GCL)


def _small() -> Iterator[Case]:
    """The other four programs: no mask, either mask, B = 1, D = 1, M = 2 and 4, tiles, fusions."""
    yield Case("one sample", _rows(40, 3, 1), 1.0, GCL)
    # Every similarity is far below any constant that might stand for "not in the pool".
    angles = 2 * np.pi / 3 * np.arange(3)
    apart = np.zeros((3, 1, 16))
    apart[:, 0, :2] = 30 * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    yield Case("one sample, repelled", apart, float(np.log(100)), GCL)
    two = Objective(
        modalities=("image", "text"),
        directions=(Direction("image", "text", 3.0), Direction("text", "image")),
        pool="target",
        duplicates="positive",
    )
    ids = np.asarray([4, 7, 4, 1, 4, 7])
    yield Case("width 1, several positives", _rows(70, 2, 6, width=1), 1.0, two, ids=ids)
    # Few directions, since a compiler's time grows with them.
    one_way = (Direction("image", "text", 3.0), Direction("text", "image+text"))
    fused = Objective(directions=one_way, pool="target", duplicates="positive")
    weights = np.random.default_rng(73).uniform(0.2, 3.0, size=(1, 2, 6))
    rows = _rows(74, 2, 6)
    yield Case("fused, several positives", rows, 1.0, fused, ids=ids, weights=weights, tile=5)
    some = (Direction("image", "video", 0.5), Direction("video", "text", 2.5))
    four = Objective(
        modalities=("image", "text", "video", "video+text"),
        directions=some,
        self_term="keep",
        same_sample="drop",
        balance="direction",
    )
    present = np.ones((4, 5), bool)
    present[[0, 1, 1, 3], [2, 0, 4, 1]] = False
    weights = np.random.default_rng(73).uniform(0.2, 3.0, size=(1, 2, 5))
    rows = _rows(72, 3, 5, 64)
    yield Case("four modalities, weighted", rows, 1.5, four, present, weights=weights)
