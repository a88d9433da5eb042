"""Terms of the loss and their means, by hand."""

import numpy as np
import pytest

from gcl_spec.loss.terms import (
    LossTerms,
    direction_losses,
    direction_names,
    mean_term,
)
from gcl_spec.objective import GCL, PRESETS, Direction, Objective

TERMS = LossTerms(
    np.asarray([[1.0, 2.0, 3.0], [10.0, 0.0, 0.0]]),
    np.asarray([[True, True, True], [True, False, False]]),
)
TWO = ("image", "text")


def objective(weight: float = 1.0, **options: str) -> Objective:
    directions = (Direction(*TWO), Direction("text", "image", weight))
    return Objective(TWO, directions, **options)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("rule", "want"),
    [
        (objective(), 16 / 4),
        (objective(3.0), (6 + 30) / (3 + 3)),
        (objective(balance="direction"), (2 + 10) / 2),
        (objective(3.0, balance="direction"), (2 + 30) / 4),
        (objective(reduction="sum"), 2 * 16 / 4),
        (objective(3.0, balance="direction", reduction="sum"), 2 + 30),
    ],
)
def test_the_mean_over_valid_terms(rule: Objective, want: float) -> None:
    assert float(mean_term(TERMS, rule)) == pytest.approx(want)


def test_a_direction_without_a_pair_does_not_count() -> None:
    none = LossTerms(TERMS.values * [[1], [0]], TERMS.valid & [[True], [False]])
    for rule in (objective(3.0), objective(3.0, balance="direction"), objective(reduction="sum")):
        assert float(mean_term(none, rule)) == pytest.approx(2.0)
    found = direction_losses(none, objective())
    assert {name: float(x) for name, x in found.items()} == {"image->text": 2.0, "text->image": 0.0}


def test_the_mean_of_each_direction() -> None:
    found = direction_losses(TERMS, objective())
    assert {name: float(x) for name, x in found.items()} == {"image->text": 2.0, "text->image": 10}


def test_directions_of_two_pools_have_a_line_each() -> None:
    terms = LossTerms(np.arange(8.0).reshape(4, 2), np.ones((4, 2), bool))
    found = direction_losses(terms, PRESETS["separation"])
    assert {name: float(x) for name, x in found.items()} == {
        "image->text among text": 0.5,
        "text->image among image": 2.5,
        "image->text among image": 4.5,
        "text->image among text": 6.5,
    }
    assert direction_names(GCL)[0] == "image->text", "where there is one, its name is short"
