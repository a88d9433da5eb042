"""The fixed adversarial cases, and among them the few that show the known bugs."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from gcl_spec.conformance.cases.case import Case, describe
from gcl_spec.conformance.cases.family import (
    family_cases,
    quick_family_cases,
    telling_family_cases,
)
from gcl_spec.conformance.cases.groups import (
    draw_rows,
    fusion_cases,
    geometry_cases,
    id_cases,
    large_cases,
    mask_cases,
    objective_cases,
    scale_cases,
)
from gcl_spec.objective import GCL, Direction, Objective

__all__ = ["Case", "describe", "fixed_cases", "quick_cases", "telling_cases"]


_ONE_PROGRAM = ("130 samples", "130 samples, a crowd", "130 samples, far apart")


def fixed_cases() -> tuple[Case, ...]:
    """All fixed cases, the same on every machine; `quick_cases` are among them."""
    groups = (objective_cases, scale_cases, geometry_cases, mask_cases, id_cases, fusion_cases)
    by_name = {case.name: case for case in quick_cases()}
    for group in (*groups, family_cases, large_cases):
        by_name |= {case.name: case for case in group()}
    return tuple(by_name.values())


def quick_cases() -> tuple[Case, ...]:
    """The cases of `gcl verify-backends`: few programs to compile, and nearly every bug shows.

    They have ten combinations of objective, shape and masks, so that a compiling backend compiles
    ten times a dtype; `telling_cases` adds those that show the rest of the known bugs.
    """
    return (*_shared(), *quick_family_cases(), *_small())


def telling_cases() -> tuple[Case, ...]:
    """The quick cases, and those without which one of the known bugs would not be noticed.

    The known bugs are `gcl_spec.conformance.bugs.all`.
    """
    wanted = ("GCL, tiles of 1", "GCL, tiles of 100", "missing rows, tiles of 3")
    more = (case for case in fixed_cases() if case.name in wanted)
    by_name = {case.name: case for case in (*quick_cases(), *telling_family_cases(), *more)}
    return tuple(by_name.values())


def _shared() -> Iterator[Case]:
    """GCL on 3 x 8 x 16 with both masks as arrays: one program tries all that values can do."""
    cases = [*scale_cases(), *geometry_cases(), *mask_cases(), *id_cases()]
    for case in cases:
        if case.objective == GCL and case.z_MBD.shape == (3, 8, 16) and case.tile is None:
            present = np.ones((3, 8), bool) if case.present is None else case.present
            ids = np.arange(8) if case.ids is None else case.ids
            yield replace(case, name=f"{case.name}; masked", present=present, ids=ids)
    mixed = next(case for case in cases if case.name == "equal ids, missing rows")
    yield replace(mixed, name="equal ids and missing rows; masked", objective=GCL)


def _small() -> Iterator[Case]:
    """The other four programs: no mask, either mask, B = 1, D = 1, M = 2 and 4, tiles, fusions."""
    yield Case("one sample", draw_rows(40, 3, 1), 1.0, GCL)
    # Every similarity is far below any constant that might stand for "not in the pool".
    angles = 2 * np.pi / 3 * np.arange(3)
    apart = np.zeros((3, 1, 16))
    apart[:, 0, :2] = 30 * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    yield Case("one sample, repelled", apart, float(np.log(100)), GCL)
    two = Objective(
        modalities=("image", "text"),
        directions=(Direction("image", "text", 3.0), Direction("text", "image", pool="query")),
        pool="target",
        duplicates="positive",
        reduction="sum",
    )
    ids = np.asarray([4, 7, 4, 1, 4, 7])
    yield Case("width 1, several positives", draw_rows(70, 2, 6, width=1), 1.0, two, ids=ids)
    # Few directions, since a compiler's time grows with them.
    one_way = (Direction("text", "image+text"),)
    fused = Objective(directions=one_way, pool="target", duplicates="positive")
    weights = np.random.default_rng(73).uniform(0.2, 3.0, size=(1, 2, 6))
    rows = draw_rows(74, 2, 6)
    here = np.ones((3, 6), bool)
    here[[0, 2, 1], [3, 1, 5]] = False
    yield Case("fused, several positives", rows, 1.0, fused, here, ids, 5, weights)
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
    rows = draw_rows(72, 3, 5, 64)
    yield Case("four modalities, weighted", rows, 1.5, four, present, weights=weights)
    yield from (case for case in large_cases() if case.name in _ONE_PROGRAM)
