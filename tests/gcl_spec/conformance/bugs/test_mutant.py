"""A backend with a bug in it is wrong in that alone."""

import numpy as np
import pytest

from gcl_spec.backend import Backend
from gcl_spec.conformance import Case, check_case, quick_cases
from gcl_spec.conformance.bugs.all import BUGS, Mutant


@pytest.mark.parametrize(
    "bug", ["logits rounded to bfloat16", "transposed pool", "exp without a shift"]
)
def test_a_mutant_is_right_where_its_step_does_not_matter(reference: Backend, bug: str) -> None:
    harmless = Case("equal", np.ones((3, 4, 1)), 0.0, quick_cases()[0].objective)
    check_case(Mutant(reference, BUGS[bug]), reference, harmless, dtype="float32", device="cpu")
