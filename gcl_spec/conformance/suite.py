"""Tests of a backend for its own test-suite, run by pytest.

    from gcl_spec.conformance.suite import BackendSuite

    class TestMyBackend(BackendSuite):
        backend = MyBackend()

Needs pytest; like `gcl_spec.conformance.strategies` only tests import it.
"""

from typing import Any, ClassVar

import numpy as np
import pytest

from gcl_spec import registry
from gcl_spec.backend import Backend
from gcl_spec.conformance.cases import Case, fixed_cases
from gcl_spec.conformance.checks import check
from gcl_spec.conformance.draws import drawn_cases
from gcl_spec.conformance.verify import DTYPES
from gcl_spec.objective import GCL

__all__ = ["BackendSuite"]

_CASES = {case.name: case for case in fixed_cases()}


class BackendSuite:
    """Subclass it as `Test...`, set `backend`, and pytest holds the backend to the reference.

    backend: an instance of the backend under test.
    draws, seed: drawn cases beside the fixed ones.
    """

    backend: ClassVar[Any]
    draws: ClassVar[int] = 10
    seed: ClassVar[int] = 0

    def test_it_is_a_backend(self) -> None:
        """The members are there, and it names itself and a device."""
        assert isinstance(self.backend, Backend)
        assert self.backend.name
        assert len(self.backend.devices()) > 0

    @pytest.mark.parametrize("dtype", ["float64", "float32", "bool", "int64"])
    def test_arrays_go_there_and_back(self, dtype: str) -> None:
        """`to_numpy` gives what `from_numpy` took, in the same dtype and shape."""
        for x in (np.asarray([[0, 1], [1, 0]]), np.asarray(1)):
            for device in self.backend.devices():
                given = x.astype(dtype)
                array = self.backend.from_numpy(given, dtype=dtype, device=device)
                found = self.backend.to_numpy(array)
                assert found.dtype == given.dtype
                assert found.shape == given.shape
                assert np.array_equal(found, given)

    @pytest.mark.parametrize("dtype", DTYPES)
    @pytest.mark.parametrize("name", list(_CASES))
    def test_fixed_case(self, name: str, dtype: str) -> None:
        """Loss and gradients are within the bounds of rounding."""
        self._check(_CASES[name], dtype)

    @pytest.mark.parametrize("dtype", DTYPES)
    def test_drawn_cases(self, dtype: str) -> None:
        """The same on `draws` cases of any objective."""
        for case in drawn_cases(self.draws, self.seed):
            self._check(case, dtype)

    @pytest.mark.parametrize("what", ["shape", "zero row", "NaN", "no pair"])
    def test_degenerate_input_is_an_error(self, what: str) -> None:
        """A ValueError, never a silent 0 or NaN; on the CPU where there is one.

        Values on other devices are not looked at: that would wait for the device.
        """
        z = np.random.default_rng(0).normal(size=(3, 4, 5))
        present = np.ones((3, 4), bool)
        if what == "shape":
            z = z[:1]
        elif what == "no pair":
            present[1:] = False
        else:
            z[1, 2] = {"zero row": 0.0, "NaN": np.nan}[what]
        with pytest.raises(ValueError):  # noqa: PT011  (each backend has its own words)
            self._loss(z, present)

    def _check(self, case: Case, dtype: str) -> None:
        reference = registry.load("reference")
        for device in self.backend.devices():
            check(self.backend, reference, case, dtype=dtype, device=device)

    def _loss(self, z: Any, present: Any) -> float:
        devices = self.backend.devices()
        device = next((name for name in devices if name.startswith("cpu")), devices[0])

        def array(x: Any, dtype: str) -> Any:
            return self.backend.from_numpy(x, dtype=dtype, device=device)

        found = self.backend.loss_and_grads(
            array(z, "float64"),
            array(np.asarray(1.0), "float64"),
            objective=GCL,
            present=array(present, "bool"),
        )
        return float(self.backend.to_numpy(found.loss))
