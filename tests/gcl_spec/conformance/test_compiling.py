"""The flags by which JAX compiles quickly are those that tests compile with."""

import pytest

from compiling import QUICKLY
from gcl_spec.conformance.compiling import quick_flags


def test_they_are_those_of_the_tests() -> None:
    assert set(quick_flags().split()) == set(QUICKLY.split())


@pytest.mark.parametrize("version", ["0.9.2", "0.11.0", "0.1", "1.0.0", ""])
def test_a_jaxlib_that_may_not_know_a_flag_is_not_given_it(version: str) -> None:
    """XLA ends the process over a flag that it does not know."""
    assert quick_flags(version) == "--xla_backend_optimization_level=0"


def test_the_installed_one_is_known() -> None:
    assert "fusion_emitters=false" in quick_flags()
    assert quick_flags() == quick_flags("0.10.2")
