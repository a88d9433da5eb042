"""Drawn cases: the same for a seed, each by its number alone, and of every kind."""

import numpy as np

from gcl_spec.conformance.cases.drawn import drawn_cases


def test_a_case_depends_on_its_seed_and_number_alone() -> None:
    few, many = [*drawn_cases(3, seed=5)], [*drawn_cases(6, seed=5)]
    for one, two in zip(few, many, strict=False):
        assert (one.name, one.objective) == (two.name, two.objective)
        np.testing.assert_array_equal(one.log_scale, two.log_scale)
        np.testing.assert_array_equal(one.z_MBD, two.z_MBD)
    other = next(drawn_cases(1, seed=6))
    assert not np.array_equal(other.z_MBD, few[0].z_MBD)


def test_every_kind_is_drawn() -> None:
    found = [*drawn_cases(200)]
    assert {len(case.objective.modalities) for case in found} == {2, 3, 4}
    assert {case.masks for case in found} == {"none", "present", "ids", "both"}
    assert {case.z_MBD.shape[1] for case in found} == {*range(1, 9)}
    assert {case.tile is None for case in found} == {True, False}
    assert {case.bias is None for case in found} == {True, False}
    assert {np.ndim(case.log_scale) for case in found} == {0, 1, 2}
    fused = [case for case in found if case.fused.parts]
    assert {case.weights is None for case in fused} == {True, False}
    assert any(len({d.weight for d in case.objective.directions}) > 1 for case in found)


def test_every_case_has_a_pair() -> None:
    for case in drawn_cases(200):
        first = case.objective.directions[0]
        at = [case.objective.modalities.index(name) for name in (first.query, first.target)]
        assert case.fused.present[at].all(axis=0).any(), case.name
