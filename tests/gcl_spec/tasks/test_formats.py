"""The formats of tasks, by name."""

import inspect

import pytest

from gcl_spec.errors import ConfigError
from gcl_spec.tasks.formats import FORMATS, format_of
from goldens import root_of


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_is_read_in_the_same_way(name: str) -> None:
    first, second, *options = inspect.signature(format_of(name).read).parameters.values()
    assert (first.name, second.name) == ("root", "names")
    assert all(option.kind is option.KEYWORD_ONLY for option in options)
    assert all(option.default is not option.empty for option in options)
    assert isinstance(format_of(name).SETS, tuple)


@pytest.mark.parametrize("name", ["mbeir", "mmeb", "mixbench"])
def test_a_benchmark_is_read_by_its_name(name: str) -> None:
    tasks = format_of(name).read(root_of(name))
    assert {task.name for task in tasks} <= {*format_of(name).SETS}


def test_an_unknown_format_is_named() -> None:
    with pytest.raises(ConfigError, match="no format 'mteb' of tasks; there are beir, covr"):
        format_of("mteb")
