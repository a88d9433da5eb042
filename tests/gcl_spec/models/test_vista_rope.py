"""Rotary tables are those in the published files."""

import numpy as np
import pytest

from gcl_spec.models.vista_rope import rotary_tables
from gcl_spec.models.weights import read_weights
from vista_cases import PATHS


@pytest.mark.parametrize("part", ["cos", "sin"])
def test_they_are_those_of_a_file(part: str) -> None:
    name = f"model_visual.visual.rope.freqs_{part}"
    wanted = read_weights([PATHS["m3"]], [name])[name]
    found = rotary_tables(3, 8)[part == "sin"]
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, wanted, atol=1e-6)
