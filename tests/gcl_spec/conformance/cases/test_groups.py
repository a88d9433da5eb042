"""The groups of fixed cases hold what their names promise."""

import math

import numpy as np

from gcl_spec.conformance.cases import groups
from gcl_spec.objective import PRESETS

GROUPS = ("objective", "scale", "geometry", "mask", "id", "fusion", "large")


def cases_of(group: str) -> list:
    return [*getattr(groups, f"{group}_cases")()]


def test_names_are_unique_and_values_are_finite() -> None:
    every = [case for group in GROUPS for case in cases_of(group)]
    assert len({case.name for case in every}) == len(every)
    for case in every:
        shown = case.z_MBD if case.present is None or case.fused.parts else case.fused.rows_MBD
        assert np.isfinite(shown).all(), case.name


def test_every_preset_is_a_case() -> None:
    found = [case.objective for case in cases_of("objective")]
    assert all(preset in found for preset in PRESETS.values())


def test_scales_reach_from_hot_to_cold() -> None:
    scales = [case.log_scale for case in cases_of("scale")]
    assert min(scales) <= 0
    assert max(scales) >= math.log(100)


def test_masks_ids_and_fusions_are_given() -> None:
    assert all(case.present is not None for case in cases_of("mask"))
    assert all(case.ids is not None for case in cases_of("id"))
    assert all(case.fused.parts for case in cases_of("fusion"))
    assert max(case.z_MBD.shape[1] for case in cases_of("large")) > 100


def test_rows_are_drawn_by_seed() -> None:
    one, two = groups.draw_rows(3, 2, 5), groups.draw_rows(3, 2, 5)
    np.testing.assert_array_equal(one, two)
    assert one.shape == (2, 5, 16)
    assert not np.array_equal(one, groups.draw_rows(4, 2, 5))
