"""The examples in docstrings and in the README print what they say."""

import doctest
from importlib import import_module

import pytest

from repository import REPOSITORY

MODULES = sorted(
    ".".join(path.relative_to(root).with_suffix("").parts)
    for root, package in (
        (REPOSITORY, "gcl_spec"),
        (REPOSITORY / "backends", "gcl_torch"),
        (REPOSITORY / "backends", "gcl_jax"),
    )
    for path in (root / package).rglob("*.py")
    if ">>> " in path.read_text()
)


@pytest.mark.parametrize("name", MODULES)
def test_docstrings(name: str) -> None:
    found = doctest.testmod(import_module(name))
    assert found.attempted > 0
    assert found.failed == 0


def test_readme() -> None:
    found = doctest.testfile(str(REPOSITORY / "README.md"), module_relative=False)
    assert found.attempted >= 8
    assert found.failed == 0


def test_the_most_important_modules_have_examples() -> None:
    assert {
        f"gcl_spec.{m}" for m in ("loss.equation", "normalize", "batch", "recall.whole", "geometry")
    } <= set(MODULES)
    assert {"gcl_torch.cached.step", "gcl_jax.cached.step"} <= set(MODULES)
