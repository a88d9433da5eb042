"""Tests of a backend for its own test-suite, run by pytest.

    from gcl_spec.conformance.suite import BackendSuite

    class TestMyBackend(BackendSuite):
        backend = MyBackend()

It needs pytest, so only tests import it, as they do `gcl_spec.conformance.cases.strategies`.
"""

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
import pytest

from gcl_spec import registry
from gcl_spec.backend import Backend
from gcl_spec.conformance.cases.drawn import drawn_cases
from gcl_spec.conformance.cases.fixed import Case, fixed_cases
from gcl_spec.conformance.cases.rankings import ranking_cases
from gcl_spec.conformance.compare import check_case
from gcl_spec.conformance.degenerate import accepted, degenerate_cases
from gcl_spec.conformance.laws import LAWS
from gcl_spec.conformance.rankings import verify_rankings
from gcl_spec.conformance.verify import DTYPES

__all__ = ["BackendSuite"]


class BackendSuite:
    """Subclass it as `Test...`, set `backend`, and pytest holds the backend to the reference.

    backend: an instance of the backend under test.
    cases: the fixed cases; take `quick_cases()` for a backend that compiles each for long.
    draws: the number of drawn cases beside them, and of cases for each law.
    seed: the seed of the drawn cases.
    """

    backend: ClassVar[Any]
    cases: ClassVar[Sequence[Case]] = fixed_cases()
    draws: ClassVar[int] = 10
    seed: ClassVar[int] = 0

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """A test for each of `cases`, which a subclass may set."""
        if "fixed_case" in metafunc.fixturenames:
            metafunc.parametrize("fixed_case", self.cases, ids=lambda case: case.name)

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
                values = self.backend.to_numpy(array)
                assert values.dtype == given.dtype
                assert values.shape == given.shape
                assert np.array_equal(values, given)

    @pytest.mark.parametrize("dtype", DTYPES)
    def test_fixed_case(self, fixed_case: Case, dtype: str) -> None:
        """Loss and gradients are within the bounds of rounding."""
        self._check(fixed_case, dtype)

    @pytest.mark.parametrize("dtype", DTYPES)
    def test_drawn_cases(self, dtype: str) -> None:
        """Loss and gradients are within the bounds on `draws` drawn cases of any objective, too."""
        for case in drawn_cases(self.draws, self.seed):
            self._check(case, dtype)

    @pytest.mark.parametrize("case", list(degenerate_cases()), ids=lambda case: case.name)
    def test_degenerate_input_is_an_error(self, case: Case) -> None:
        """Degenerate input is a ValueError, never a silent 0 or NaN.

        It is tried on the CPU where there is one: backends do not look at values on other devices,
        since that would wait for the device.
        """
        devices = self.backend.devices()
        device = next((name for name in devices if name.startswith("cpu")), devices[0])
        wrong = accepted(self.backend, case, device=device)
        assert not wrong, wrong

    @pytest.mark.parametrize("dtype", DTYPES)
    def test_retrieval_metrics(self, dtype: str) -> None:
        """Metrics on its arrays, or its own ones, are those of loops over all orders of ties."""
        reference = registry.load("reference")
        verdict = verify_rankings([self.backend], reference, ranking_cases(), dtypes=[dtype])
        wrong = [result.message for result in verdict.results if not result.agrees]
        assert not wrong, "\n".join(wrong)

    @pytest.mark.parametrize("law", LAWS)
    def test_law(self, law: str) -> None:
        """A law that holds for the loss of any batch holds on `draws` seeds."""
        for seed in range(self.seed, self.seed + self.draws):
            LAWS[law](self.backend, seed)

    def _check(self, case: Case, dtype: str) -> None:
        reference = registry.load("reference")
        for device in self.backend.devices():
            check_case(self.backend, reference, case, dtype=dtype, device=device)
