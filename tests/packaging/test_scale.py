"""The tables of docs/scale.md are those that the script computes."""

import doctest
import importlib.util
from types import ModuleType

import pytest

from repository import REPOSITORY


@pytest.fixture(scope="module")
def scale() -> ModuleType:
    spec = importlib.util.spec_from_file_location("scale", REPOSITORY / "benchmarks" / "scale.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_tables_are_those_of_the_script(scale: ModuleType) -> None:
    text = (REPOSITORY / "docs" / "scale.md").read_text()
    for table in scale.tables():
        assert table in text, "run python benchmarks/scale.py, and copy its tables"


def test_sizes_and_hours(scale: ModuleType) -> None:
    assert doctest.testmod(scale) == (0, 2)
    assert [scale.size(x) for x in (999, 1e6, 2e12)] == ["1.0 kB", "1.0 MB", "2.0 TB"]
    assert [scale.hours(x) for x in (0.5, 2, 48)] == ["30 min", "2.0 h", "2 days"]
