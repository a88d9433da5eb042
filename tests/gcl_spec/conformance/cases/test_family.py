"""Cases of the family: each setting is in one, also without the others."""

import numpy as np

from gcl_spec.conformance.cases.family import (
    draw_family,
    draw_numbers,
    family_cases,
    quick_family_cases,
    telling_family_cases,
)
from gcl_spec.objective import GCL, Objective


def test_every_setting_is_in_a_telling_case_and_in_one_of_all() -> None:
    quick = list(quick_family_cases())
    assert {case.objective.loss for case in quick} == {"softmax", "sigmoid"}
    for chosen in (quick, list(telling_family_cases()), list(family_cases())):
        rules = [case.objective for case in chosen]
        for name in ("positives", "hardness", "debias", "loss", "bias_unit", "hardness_weights"):
            assert any(getattr(rule, name) != getattr(GCL, name) for rule in rules), name
        assert {rule.scales for rule in rules} == {"direction", "pair", "modality"}
        assert any(case.bias is not None for case in chosen)
        for case in chosen:
            assert np.shape(case.log_scale) in ((), case.objective.scale_shape)
    names = [case.name for case in family_cases()]
    assert len({*names}) == len(names)


def test_drawn_settings_go_together_and_are_many() -> None:
    rng = np.random.default_rng(0)
    found = {draw_family(rng, GCL) for _ in range(60)}
    assert len(found) > 40
    shapes = {np.shape(draw_numbers(rng, Objective(scales="pair"))["log_scale"]) for _ in range(20)}
    assert shapes == {(), (3, 3)}
    masked = draw_family(rng, Objective(same_sample="drop"))
    assert masked.positives == "each"
