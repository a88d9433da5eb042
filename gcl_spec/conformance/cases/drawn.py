"""Drawn cases for `gcl verify-backends --thorough`, by seed, without Hypothesis."""

from collections.abc import Iterator
from dataclasses import replace
from typing import get_args

import numpy as np

from gcl_spec.conformance.cases.case import Case
from gcl_spec.conformance.cases.family import draw_family, draw_numbers
from gcl_spec.objective import (
    Balance,
    Duplicates,
    Objective,
    Pool,
    Reduction,
    SameSample,
    SelfTerm,
    all_directions,
)

__all__ = ["drawn_cases"]

_NAMES = ("image", "text", "image+text", "video")


def drawn_cases(count: int, seed: int = 0) -> Iterator[Case]:
    """`count` cases of any objective and mask; each depends on `seed` and its number only.

    M is 2 to 4, B 1 to 8, D 1 to 12, norms 0.3 to 3, log_scale -2 to 4.7, with duplicate rows,
    equal ids, missing rows, fusions and tiles; half of them have settings of the family, with
    log_scale -1 to 3.5, of one number or several, and a bias.

    >>> [case.name for case in drawn_cases(2, seed=7)]
    ['drawn 7.0', 'drawn 7.1']
    """
    for number in range(count):
        yield _draw(f"drawn {seed}.{number}", np.random.default_rng([seed, number]))


def _draw(name: str, rng: np.random.Generator) -> Case:
    objective = _objective(rng)
    modalities, batch = len(objective.modalities), int(rng.integers(1, 9))
    rows = rng.normal(size=(modalities, batch, int(rng.integers(1, 13))))
    rows /= np.maximum(np.linalg.norm(rows, axis=-1, keepdims=True), 1e-3)
    z_MBD = rows * rng.uniform(0.3, 3.0, size=(modalities, batch, 1))
    if rng.random() < 0.5:
        z_MBD[:, -1] = z_MBD[:, 0]
    present = None
    if rng.random() < 0.5:
        present = rng.random((modalities, batch)) > 0.3
        first = objective.directions[0]  # without one whole pair there is no loss
        present[[objective.modalities.index(m) for m in (first.query, first.target)], 0] = True
    case = Case(
        name,
        z_MBD,
        float(rng.uniform(-2.0, 4.7)),
        objective,
        present,
        rng.integers(0, 4, batch) if rng.random() < 0.5 else None,
        int(rng.integers(1, 10)) if rng.random() < 0.3 else None,
    )
    if rng.random() < 0.5:
        rule = draw_family(rng, objective)
        case = replace(case, objective=rule, **draw_numbers(rng, rule))
    return _fused(case, rng) if modalities > 2 and rng.random() < 0.4 else case


def _fused(case: Case, rng: np.random.Generator) -> Case:
    """The case without rows of "image+text"."""
    names = case.objective.modalities
    rest = [m for m, name in enumerate(names) if name != "image+text"]
    weights = rng.uniform(0.2, 3.0, size=(1, 2, case.z_MBD.shape[1]))
    return replace(case, z_MBD=case.z_MBD[rest], weights=weights if rng.random() < 0.5 else None)


def _objective(rng: np.random.Generator) -> Objective:
    names = _NAMES[: rng.integers(2, 5)]
    every = all_directions(names)
    chosen = rng.permutation(len(every))[: rng.integers(1, len(every) + 1)]
    some = tuple(
        replace(every[i], weight=float(rng.uniform(0.1, 4.0)), pool=_pool(rng)) for i in chosen
    )
    return Objective(
        modalities=names,
        directions=some if rng.random() < 0.5 else (),
        pool=rng.choice(get_args(Pool)),
        self_term=rng.choice(get_args(SelfTerm)),
        same_sample=rng.choice(get_args(SameSample)),
        duplicates=rng.choice(get_args(Duplicates)),
        balance=rng.choice(get_args(Balance)),
        reduction=rng.choice(get_args(Reduction)),
    )


def _pool(rng: np.random.Generator) -> Pool | None:
    """The pool of one direction; None stands for the objective's."""
    return rng.choice(get_args(Pool)) if rng.random() < 0.3 else None
