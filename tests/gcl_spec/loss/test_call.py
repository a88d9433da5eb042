"""The arguments and results of a loss."""

from typing import get_type_hints

import numpy as np

from gcl_spec.backend import LossAndGrads, LossArguments


def test_a_result_without_a_bias_has_no_derivative_by_one() -> None:
    zero = np.zeros(())
    assert LossAndGrads(zero, zero, zero).dbias is None
    assert LossArguments.__required_keys__ == {"objective"}
    assert "bias" in get_type_hints(LossArguments)
