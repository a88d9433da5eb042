"""A backend is asked with every argument that a case gives."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from gcl_reference.backend import ReferenceBackend
from gcl_spec.backend import Backend, LossAndGrads, LossArguments
from gcl_spec.conformance import quick_cases
from gcl_spec.conformance.asking import ARRAYS, ask, backend_arrays
from gcl_spec.conformance.bugs.mutant import Mutant
from gcl_spec.conformance.cases.case import Case
from gcl_spec.conformance.one_call import compute

NAMES = list(LossArguments.__annotations__)


class Listening(ReferenceBackend):
    """The reference, which keeps what it was asked."""

    def loss_and_grads(self, z: Any, log_scale: Any, /, **arguments: Any) -> LossAndGrads:
        self.heard = {"z_MBD": z, "log_scale": log_scale, **arguments}
        return super().loss_and_grads(z, log_scale, **arguments)


def whole() -> Case:
    """A case in which no argument is left out."""
    case = next(case for case in quick_cases() if case.name == "fused, several positives")
    return replace(case, bias=np.linspace(-0.4, 0.4, 9).reshape(3, 3))


def plainly(backend: Backend, case: Case) -> None:
    ask(backend, case, backend_arrays(backend, case, dtype="float64", device="cpu"))


def one_call(backend: Backend, case: Case) -> None:
    compute(backend, case)


def with_a_bug(backend: Backend, case: Case) -> None:
    compute(Mutant(backend), case)


@pytest.mark.parametrize("way", [plainly, one_call, with_a_bug])
def test_all_that_a_case_gives_is_handed_on(way: Any) -> None:
    backend, case = Listening(), whole()
    way(backend, case)
    assert set(backend.heard) == {"z_MBD", "log_scale", *NAMES}
    for name, x in backend.heard.items():
        want = getattr(case, name)
        assert want is not None, name
        if name in ARRAYS:
            np.testing.assert_array_equal(x, want, err_msg=name)
        else:
            assert x == want


@pytest.mark.parametrize("name", [name for name in NAMES if name != "objective"])
def test_what_is_not_given_is_none_or_left_out(name: str) -> None:
    backend = Listening()
    plainly(backend, replace(whole(), **{name: None}))
    assert backend.heard.get(name) is None


def test_rows_have_the_dtype_and_the_other_numbers_that_of_logits() -> None:
    backend, case = ReferenceBackend(), whole()
    found = backend_arrays(backend, case, dtype="float32", device="cpu")
    kinds = {name: str(x.dtype) for name, x in found.items()}
    assert kinds == dict.fromkeys(ARRAYS, "float32") | {"present": "bool", "ids": "int64"}


class Kinds(ReferenceBackend):
    """A backend whose arrays are the dtypes that they were to have."""

    def from_numpy(self, x: Any, /, *, dtype: str, device: str) -> Any:
        return dtype


def test_rows_of_16_bits_have_numbers_of_32() -> None:
    found = backend_arrays(Kinds(), whole(), dtype="bfloat16", device="cpu")
    assert (found["z_MBD"], found["log_scale"], found["bias"]) == ("bfloat16", "float32", "float32")


def test_without_a_dtype_every_array_keeps_its_own() -> None:
    case = whole()
    case = replace(case, z_MBD=case.z_MBD.astype(np.float32))
    found = backend_arrays(Kinds(), case, device="cpu")
    assert (found["z_MBD"], found["log_scale"]) == ("float32", "float64")
