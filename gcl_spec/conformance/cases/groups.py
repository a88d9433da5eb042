"""Fixed adversarial cases by what they try: each is a place where a plausible loss goes wrong."""

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np

from gcl_spec._typing import FloatArray
from gcl_spec.conformance.cases.case import Case
from gcl_spec.objective import GCL, PAIRWISE, PRESETS, Direction, Objective

__all__ = [
    "draw_rows",
    "fusion_cases",
    "geometry_cases",
    "id_cases",
    "large_cases",
    "mask_cases",
    "objective_cases",
    "scale_cases",
]

_DROP = Objective(same_sample="drop")
_KEEP = Objective(self_term="keep")
_POSITIVE = Objective(duplicates="positive")


def draw_rows(seed: int, modalities: int, batch: int, width: int = 16) -> FloatArray:
    """Generic rows of different norms, because unit rows alone hide a missing factor.

    Most cases are 3 x 8 x 16, so that a compiling backend compiles once for each objective.

    Returns:
        Shape (modalities, batch, width).
    """
    rng = np.random.default_rng(seed)
    rows = rng.normal(size=(modalities, batch, width))
    norms = rng.uniform(0.5, 2.0, size=(modalities, batch, 1))
    return np.asarray(norms * rows / np.linalg.norm(rows, axis=-1, keepdims=True))


def _unit(x: FloatArray) -> FloatArray:
    return np.asarray(x / np.linalg.norm(x, axis=-1, keepdims=True))


def _far_apart(count: int) -> FloatArray:
    """Unit rows of width 4, each as far as may be from those before it."""
    candidates = _unit(draw_rows(93, 1, 5000, 4)[0])
    rows = [candidates[0]]
    nearest = candidates @ rows[0]
    for _ in range(count - 1):
        rows.append(candidates[int(np.argmin(nearest))])
        nearest = np.maximum(nearest, candidates @ rows[-1])
    return np.stack(rows)


def objective_cases() -> Iterator[Case]:
    """Every preset, and other options, modalities and tiles."""
    for i, (name, objective) in enumerate(PRESETS.items()):
        yield Case(name, draw_rows(i, len(objective.modalities), 8), 1.5, objective)
    weighted = (Direction("image", "text", 3.0), Direction("image+text", "image", 0.25))
    yield Case("weighted", draw_rows(7, 3, 8), 1.5, Objective(directions=weighted))
    pools = Objective(
        directions=(
            Direction("image", "text", 3.0, pool="query"),
            Direction("text", "image+text", 0.5, pool="all"),
            Direction("image+text", "text", 0.5),
        ),
        pool="target",
        duplicates="positive",
        balance="direction",
        reduction="sum",
    )
    present = np.ones((3, 8), bool)
    present[[0, 1, 1, 2], [2, 0, 4, 1]] = False
    equal = np.asarray([5, 1, 5, 2, 1, 5, 9, 3])
    yield Case("a sum, pools of directions", draw_rows(24, 3, 8), 1.5, pools, present, equal)
    more = (*pools.directions, Direction("text", "image", pool="target"))
    kept = replace(pools, directions=more, pool="query", self_term="keep", same_sample="drop")
    yield Case("the same, self kept", draw_rows(24, 3, 8), 1.5, kept, present, equal, tile=3)
    two = Objective(modalities=("audio", "text"))
    four = Objective(modalities=("image", "text", "video", "video+text"))
    yield Case("two modalities", draw_rows(21, 2, 6), 1.5, two)
    yield Case("four modalities", draw_rows(22, 4, 5), 1.5, four)
    for tile in (1, 3, 8, 100):
        yield Case(f"GCL, tiles of {tile}", draw_rows(23, 3, 8), 1.5, GCL, tile=tile)


def scale_cases() -> Iterator[Case]:
    """Temperatures from far too high to far too low."""
    for log_scale in (-2.0, 0.0, 4.6):
        yield Case(f"log_scale {log_scale}", draw_rows(30, 3, 8), log_scale, GCL)
    yield Case("log_scale 7, unit rows", _unit(draw_rows(32, 3, 8)), 7.0, GCL)
    yield Case("norm 10, tau 0.02", 10 * _unit(draw_rows(31, 3, 8)), float(np.log(50)), GCL)


def geometry_cases() -> Iterator[Case]:
    """Rows that are equal, nearly equal, far apart, narrow or wide."""
    same = np.broadcast_to(_unit(draw_rows(41, 1, 1)), (3, 8, 16)).copy()
    yield Case("collapsed", same, 4.6, GCL)
    anchor = _unit(draw_rows(42, 1, 8))
    close = _unit(anchor + 1e-3 * draw_rows(43, 3, 8))
    yield Case("converged", close, float(np.log(100)), GCL)
    yield Case("converged, drop", close, float(np.log(100)), _DROP)
    twins = draw_rows(44, 3, 8)
    twins[:, 3] = twins[:, 0]
    yield Case("two equal samples", twins, 2.0, GCL)
    gap = _unit(draw_rows(45, 3, 8) + 4.0 * np.eye(3, 16)[:, None, :])
    yield Case("modality gap", gap, float(np.log(100)), GCL)
    yield Case("orthogonal", np.tile(np.eye(8, 16), (3, 1, 1)), 2.0, GCL)
    yield Case("width 1", draw_rows(46, 3, 5, width=1), 1.0, GCL)
    yield Case("wide", draw_rows(47, 3, 4, width=512), 3.0, GCL)


def mask_cases() -> Iterator[Case]:
    """Rows that are missing."""
    rng = np.random.default_rng(50)
    present = rng.random((3, 8)) > 0.3
    present[:, 0] = True
    rows = draw_rows(51, 3, 8)
    yield Case("missing rows", rows, 2.0, GCL, present=present)
    yield Case("missing rows, drop", rows, 2.0, _DROP, present=present)
    balanced = Objective(balance="direction")
    yield Case("missing rows, by direction", rows, 2.0, balanced, present=present)
    poisoned = rows.copy()
    poisoned[~present] = np.nan
    yield Case("NaN in missing rows", poisoned, 2.0, GCL, present=present)
    text_only = np.ones((3, 8), bool)
    text_only[[0, 2], 1:] = False
    yield Case("one image, eight texts", draw_rows(52, 3, 8), 2.0, GCL, present=text_only)
    yield Case("missing rows, tiles of 3", rows, 2.0, GCL, present=present, tile=3)


def id_cases() -> Iterator[Case]:
    """Samples with equal ids."""
    ids = np.asarray([-5, 1, -5, 2, 1, -5, 2**40 + 2, 3])  # 2**40 + 2 cut to 32 bits is 2
    present = np.random.default_rng(60).random((3, 8)) > 0.25
    present[:, :2] = True
    rules: dict[str, Callable[[], Objective]] = {
        "drop": lambda: GCL,
        "positive": lambda: _POSITIVE,
        "positive, drop": lambda: Objective(duplicates="positive", same_sample="drop"),
        "positive, keep self": lambda: Objective(duplicates="positive", self_term="keep"),
    }
    for name, rule in rules.items():
        yield Case(f"equal ids: {name}", draw_rows(61, 3, 8), 1.5, rule(), ids=ids)
    yield Case("equal ids, tiles of 3", draw_rows(61, 3, 8), 1.5, GCL, ids=ids, tile=3)
    yield Case("equal ids, missing rows", draw_rows(62, 3, 8), 1.5, _POSITIVE, present, ids)
    yield Case("all ids equal: drop", draw_rows(63, 3, 8), 1.5, GCL, ids=np.zeros(8, np.int64))
    yield Case("all ids equal", draw_rows(63, 3, 8), 1.5, _POSITIVE, ids=np.zeros(8, np.int64))


def fusion_cases() -> Iterator[Case]:
    """Fused rows that are not given, with one factor a row and with two."""
    rows, rng = draw_rows(80, 2, 8), np.random.default_rng(81)
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
    close = _unit(_unit(draw_rows(82, 1, 8)) + 1e-3 * draw_rows(83, 2, 8))
    yield Case("fused, converged", close, float(np.log(100)), GCL, tile=3)
    apart = np.stack([rows[0], -rows[0] + 0.05 * rows[1]])
    yield Case("fused, parts nearly cancel out", apart, 1.5, GCL, tile=3)
    five = Objective(modalities=("image", "text", "video", "image+text", "video+text"))
    yield Case("two fusions", draw_rows(84, 3, 5), 1.5, five, tile=2)
    both = rng.uniform(0.2, 3.0, size=(2, 2, 5))
    yield Case("two weighted fusions", draw_rows(84, 3, 5), 1.5, five, tile=2, weights=both)


def large_cases() -> Iterator[Case]:
    """Cases of 128 samples and more, where a backend may compute in tiles that nobody asked for.

    There are few, because the reference's loops take a second for a direction of all three
    modalities.
    """
    rng = np.random.default_rng(90)
    present = rng.random((3, 130)) > 0.1
    present[:, 0] = True
    present[2] &= present[0] | present[1]  # of nothing no row can be made
    across = rng.integers(0, 40, 130)  # equal ids are far apart
    two, one_way = ("image", "text"), (Direction("image", "text"),)
    plain = Objective(modalities=two, directions=one_way)
    fused = Objective(directions=one_way, duplicates="positive", pool="target")
    rows = draw_rows(91, 2, 130, 4)
    yield Case("130 samples", rows, 1.5, plain)
    # One over such a sum, times a mean's 1/130, is no normal number where exponentials share a
    # shift: some processors take it for 0.
    crowd = _unit(_unit(draw_rows(92, 1, 1, 4)) + 0.1 * rows)
    yield Case("130 samples, a crowd", crowd, float(np.log(100)), plain)
    # Shares of other samples are under 1e-100: float64 holds them, float32 does not.
    apart = _far_apart(130)
    yield Case("130 samples, far apart", np.stack([0.5 * apart, 2 * apart]), 8.0, plain)
    yield Case("130 samples, masked", rows, 1.5, plain, present[:2], across)
    yield Case("130 samples, a fusion", rows, 1.5, fused, present, across)
    cut, ids = rows[:, :70], across[:70]
    yield Case("equal ids across tiles of 32", cut, 1.5, plain, ids=ids, tile=32)
    yield Case("positives across tiles of 32", cut, 1.5, fused, present[:, :70], ids, 32)
