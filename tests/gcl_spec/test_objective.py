"""An objective is checked when it is made; its plan says what the definition says."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given

from gcl_reference.loss import Samples
from gcl_spec.conformance.cases.strategies import objectives
from gcl_spec.errors import ConfigError
from gcl_spec.loss.plan import make_plan
from gcl_spec.objective import CLIP, GCL, PRESETS, Direction, Objective, preset


@given(objectives())
def test_plan_and_definition_have_the_same_pools(objective: Objective) -> None:
    """The reference reads the definition on its own; two samples show every rule."""
    count = len(objective.modalities)
    samples = Samples(np.ones((count, 2, 1)), objective)
    seen = set()
    for softmax in make_plan(objective):
        for target in softmax.targets:
            direction = objective.directions[target.term]
            assert objective.modalities[softmax.query] == direction.query
            assert objective.modalities[target.modality] == direction.target
            planned = {(m, 1) for m in softmax.pool} | {(m, 0) for m in softmax.own}
            assert planned == set(samples.pool((softmax.query, 0), direction))
            seen.add(target.term)
    assert seen == set(range(len(objective.directions)))


def test_directions_that_can_share_a_softmax_do() -> None:
    assert [len(make_plan(o)) for o in (GCL, CLIP, PRESETS["gcl-drop"])] == [3, 2, 6]


def test_presets_are_found_by_name() -> None:
    assert preset("gcl") is GCL
    with pytest.raises(ConfigError, match="there are gcl"):
        preset("glc")


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Direction("image", "image"), "must differ"),
        (lambda: Direction("image", "text", 0.0), "must be positive"),
        (lambda: Direction("image", "text", float("nan")), "must be positive"),
        (lambda: Objective(modalities=("image",)), "at least two"),
        (lambda: Objective(modalities=("image", "image")), "each once"),
        (lambda: Objective(directions=(Direction("image", "audio"),)), "no modality 'audio'"),
        (lambda: Objective(directions=(Direction("image", "text"),) * 2), "given twice"),
        (lambda: Objective(pool="some"), "must be one of all, target"),
    ],
)
def test_nonsense_is_refused(make: object, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        make()  # type: ignore[operator]


def test_objectives_are_hashable_values() -> None:
    options = product(("mask", "keep"), ("keep", "drop"))
    assert len({Objective(self_term=s, same_sample=d) for s, d in options}) == 4  # type: ignore[arg-type]
    assert hash(Objective()) == hash(GCL)
