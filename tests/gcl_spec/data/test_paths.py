"""Patterns with wildcards and braces."""

import re
from pathlib import Path

import pytest

from gcl_spec.data.paths import expand
from gcl_spec.errors import DataError


def test_patterns(tmp_path: Path) -> None:
    for name in ("8.tar", "9.tar", "10.tar", "a{1}.tar"):
        (tmp_path / name).touch()
    assert [p.name for p in expand(f"{tmp_path}/{{8..10}}.tar")] == ["8.tar", "9.tar", "10.tar"]
    assert [p.name for p in expand(f"{tmp_path}/{{9,8}}.tar")] == ["9.tar", "8.tar"]
    assert [p.name for p in expand(f"{tmp_path}/a{{1}}.tar")] == ["a{1}.tar"]
    for pattern, message in {"{7..8}": "7.tar", "x*": "x*", "{9..8}": "count upwards"}.items():
        with pytest.raises(DataError) as caught:
            expand(f"{tmp_path}/{pattern}.tar")
        assert message in str(caught.value)


def test_names_that_hold_braces(tmp_path: Path) -> None:
    """A path that is there is itself; in a pattern a brace without choices is a brace."""
    names = ["a{b}1.tar", "a{b}2.tar", "c{1,2}.tar", "d{0..3}.tar", "ab1.tar", "c1.tar"]
    for name in names:
        (tmp_path / name).touch()

    def found(pattern: str) -> list[str]:
        return [path.name for path in expand(str(tmp_path / pattern))]

    for name in names:
        assert found(name) == [name]
    assert found("a{b}*.tar") == ["a{b}1.tar", "a{b}2.tar"]
    assert found("a{b}{1,2}.tar") == ["a{b}1.tar", "a{b}2.tar"]
    assert found("a{b}{2..2}.tar") == ["a{b}2.tar"]
    with pytest.raises(DataError, match=re.escape("a{b}3.tar'")):
        found("a{b}{2..3}.tar")
