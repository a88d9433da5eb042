"""Names of packages that are imported when they are first used."""

import subprocess
import sys
from importlib import import_module

import pytest

from gcl_spec._lazy import lazy

PACKAGES = ("gcl_spec", "gcl_spec.evaluate", "gcl_spec.index", "gcl_torch", "gcl_jax")


@pytest.mark.parametrize("package", PACKAGES)
def test_each_name_is_found_and_listed(package: str) -> None:
    module = import_module(package)
    for name in module.__all__:
        assert getattr(module, name) is not None
    assert set(module.__all__) <= set(dir(module))


@pytest.mark.parametrize("package", PACKAGES)
def test_a_name_that_is_not_there_is_named_with_its_package(package: str) -> None:
    with pytest.raises(AttributeError, match=f"'{package}' has no attribute 'gcl_lose'"):
        import_module(package).gcl_lose  # noqa: B018


def test_what_a_package_defines_itself_is_listed() -> None:
    assert lazy("collections", {"Mapping": "abc"}, ["OrderedDict"]).names() == [
        "Mapping",
        "OrderedDict",
    ]


def test_nothing_is_imported_before_it_is_used() -> None:
    said = (
        "import sys, gcl_spec.evaluate, gcl_spec.index, gcl_torch, gcl_jax; "
        "print(*sorted({'numpy', 'torch', 'jax', 'lancedb'} & {*sys.modules}))"
    )
    run = subprocess.run(
        [sys.executable, "-c", said], capture_output=True, text=True, check=True, timeout=120
    )
    assert run.stdout.split() == []
