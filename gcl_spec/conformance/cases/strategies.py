"""Hypothesis strategies of losses' inputs; only tests import this module.

They vary everything of which a fixed value has hidden a wrong loss: M in 2..4, B in 1..8, norms
other than 1, log_scale in [-2, 4.7], duplicate rows, duplicate ids, missing rows, every option.
"""

from dataclasses import replace
from typing import get_args

import numpy as np
from hypothesis import strategies as st

from gcl_spec._typing import BoolArray
from gcl_spec.conformance.cases.case import Case
from gcl_spec.conformance.cases.family import draw_family, draw_numbers
from gcl_spec.objective import (
    Balance,
    Direction,
    Duplicates,
    Objective,
    Pool,
    Reduction,
    SameSample,
    SelfTerm,
    all_directions,
)

__all__ = ["cases", "objectives"]

_NAMES = ("image", "text", "image+text", "video")


@st.composite
def objectives(draw: st.DrawFn, modalities: int | None = None) -> Objective:
    """Any objective over 2 to 4 modalities, with any directions and weights."""
    count = modalities or draw(st.integers(2, 4))
    names = _NAMES[:count]
    every = all_directions(names)
    chosen = draw(st.lists(st.sampled_from(every), min_size=1, unique=True))
    weight = st.floats(0.1, 4.0)
    pools = st.sampled_from([None, *get_args(Pool)])
    directions = tuple(Direction(d.query, d.target, draw(weight), draw(pools)) for d in chosen)
    return Objective(
        modalities=names,
        directions=draw(st.sampled_from([(), directions])),
        pool=draw(st.sampled_from(get_args(Pool))),
        self_term=draw(st.sampled_from(get_args(SelfTerm))),
        same_sample=draw(st.sampled_from(get_args(SameSample))),
        duplicates=draw(st.sampled_from(get_args(Duplicates))),
        balance=draw(st.sampled_from(get_args(Balance))),
        reduction=draw(st.sampled_from(get_args(Reduction))),
    )


@st.composite
def cases(draw: st.DrawFn, *, unit: bool = False, masked: bool = True, family: bool = True) -> Case:
    """Any input: `unit` rows or rows of norm 0.3 to 3, `masked` with missing rows and equal ids.

    With `family` also settings beyond equation 2, with scales and a bias of their own.
    """
    objective = draw(objectives())
    shape = (len(objective.modalities), draw(st.integers(1, 8)), draw(st.integers(1, 12)))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    rows = rng.normal(size=shape)
    rows /= np.maximum(np.linalg.norm(rows, axis=-1, keepdims=True), 1e-3)
    z_MBD = rows if unit else rows * rng.uniform(0.3, 3.0, size=(*shape[:2], 1))
    if draw(st.booleans()):
        z_MBD[:, -1] = z_MBD[:, 0]
    present = _present(rng, objective, shape[1]) if masked and draw(st.booleans()) else None
    ids = rng.integers(0, 4, shape[1]) if masked and draw(st.booleans()) else None
    case = Case("drawn", z_MBD, draw(st.floats(-2.0, 4.7)), objective, present, ids)
    if not family or not draw(st.booleans()):
        return case
    rule = draw_family(rng, objective)
    return replace(case, objective=rule, **draw_numbers(rng, rule))


def _present(rng: np.random.Generator, objective: Objective, batch: int) -> BoolArray:
    present: BoolArray = rng.random((len(objective.modalities), batch)) > 0.3
    direction = objective.directions[0]  # without one whole pair there is no loss
    for name in (direction.query, direction.target):
        present[objective.modalities.index(name), 0] = True
    return present
