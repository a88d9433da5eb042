"""Every declared backend on numbers of the family of objectives at which digits are easily lost."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest

from gcl_spec.backend import Backend
from gcl_spec.conformance import Case, check_case
from gcl_spec.objective import Objective

_TWO = ("a", "b")
_ANGLES = np.asarray([0.0, np.arccos(-0.9)])
_ROWS = np.stack([np.stack([np.cos(_ANGLES), np.sin(_ANGLES)], axis=-1)] * 2)
"""Two samples of two equal rows each, whose cosine is -0.9."""
_NEAR = Objective(_TWO, hardness=1e-9, hardness_weights="detached")
_FAR = np.log([[120.0, 10.0], [10.0, 120.0]])

CASES: Mapping[str, Case] = {
    case.name: case
    for case in (
        Case("hardness below the digits of the scale, no negatives", _ROWS[:, :1], 2.7, _NEAR),
        Case("the same, equal ids", _ROWS, 2.7, _NEAR, ids=np.asarray([3, 3])),
        Case(
            "one bias in cosines, other shifts at each scale",
            _ROWS,
            _FAR,
            Objective(_TWO, scales="pair", bias_unit="cosine"),
            bias=np.asarray(-2.0),
        ),
    )
}


@pytest.mark.parametrize("name", CASES)
def test_nothing_is_lost(backend: Backend, reference: Backend, name: str) -> None:
    for tile in (None, 1):
        case = replace(CASES[name], tile=tile)
        check_case(backend, reference, case, dtype="float32", device=backend.devices()[0])
