"""The softmaxes of an objective are what its definition says."""

import numpy as np
from hypothesis import given

from gcl_reference.loss import Samples
from gcl_spec.conformance.cases.strategies import objectives
from gcl_spec.loss.plan import make_plan
from gcl_spec.objective import CLIP, GCL, PRESETS, Objective


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
