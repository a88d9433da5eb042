"""The steps that bugs are injected into are right."""

from typing import Any

import numpy as np
import pytest

from gcl_reference.backend import ReferenceBackend
from gcl_spec.backend import Backend, LossAndGrads
from gcl_spec.conformance import check_case, fixed_cases
from gcl_spec.conformance.bugs.all import Mutant
from gcl_spec.conformance.bugs.dense import Call, Dense


class DenseBackend(ReferenceBackend):
    """The right steps of `Dense` as a backend."""

    name = "dense"

    def loss_and_grads(self, z: Any, log_scale: Any, /, **options: Any) -> LossAndGrads:
        call = Call(z, log_scale, **options)
        if not call.is_plain:
            return super().loss_and_grads(z, log_scale, **options)
        with np.errstate(divide="ignore"):
            return Dense()(call)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_the_right_steps_are_accepted(reference: Backend, dtype: str) -> None:
    for case in fixed_cases():
        check_case(DenseBackend(), reference, case, dtype=dtype, device="cpu")
        check_case(Mutant(reference), reference, case, dtype=dtype, device="cpu")
