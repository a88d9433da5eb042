"""Our own backends in the suite that others subclass."""

from gcl_jax.backend import JaxBackend
from gcl_spec.conformance import quick_cases
from gcl_spec.conformance.suite import BackendSuite
from gcl_torch.backend import TorchBackend


class TestTorch(BackendSuite):
    """Every case in every dtype is in `test_backends`."""

    backend = TorchBackend()
    cases = quick_cases()[::6]


class TestJax(BackendSuite):
    """It compiles a program a case, so there are few; `test_backends` has all quick ones."""

    backend = JaxBackend()
    cases = quick_cases()[-2:]
    draws = 1
