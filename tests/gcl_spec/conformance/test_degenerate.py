"""Input that a loss must refuse: the reference does, and who does not is told of."""

from typing import Any

import numpy as np

from gcl_reference.backend import ReferenceBackend
from gcl_spec.backend import Backend, LossAndGrads
from gcl_spec.conformance.degenerate import accepted, degenerate_cases


class Lenient(ReferenceBackend):
    """It gives 0 for whatever it is asked."""

    def loss_and_grads(self, z: Any, log_scale: Any, /, **options: Any) -> LossAndGrads:
        return LossAndGrads(np.zeros(()), np.zeros_like(z), np.zeros(()))


class Crashing(ReferenceBackend):
    def loss_and_grads(self, z: Any, log_scale: Any, /, **options: Any) -> LossAndGrads:
        raise RuntimeError("kernel\nlaunch failed")


def test_the_reference_refuses_all(reference: Backend) -> None:
    cases = [*degenerate_cases()]
    assert len({case.name for case in cases}) == len(cases) >= 8
    assert [accepted(reference, case, device="cpu") for case in cases] == [""] * len(cases)


def test_what_accepts_them_is_told_of() -> None:
    for case in degenerate_cases():
        said = accepted(Lenient(), case, device="cpu")
        assert said == f"{case.name} gives the loss 0; it must be a ValueError"


def test_another_error_is_no_refusal() -> None:
    said = accepted(Crashing(), next(degenerate_cases()), device="cpu")
    assert said.startswith("zero row raises RuntimeError: kernel")
    assert said.endswith("it must be a ValueError that says so")
    assert "\n" not in said
