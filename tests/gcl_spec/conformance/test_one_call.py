"""One call on a drawn case, and when two results are the same."""

import numpy as np
import pytest

from gcl_spec.backend import Backend
from gcl_spec.conformance.one_call import B, D, compute, draw_case, near


def test_a_case_is_that_of_its_seed_and_results_are_compared(reference: Backend) -> None:
    case = draw_case(3)
    assert case.z_MBD.shape == (3, B, D)
    np.testing.assert_array_equal(case.z_MBD, draw_case(3).z_MBD)
    found = compute(reference, case)
    near(found, compute(reference, case))
    assert found.dbias is None
    for name in ("loss", "grads", "dlog_scale"):
        with pytest.raises(AssertionError):
            near(found._replace(**{name: getattr(found, name) + 1e-6}), found)
