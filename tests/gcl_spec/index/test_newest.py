"""What is kept of the newest version of a table."""

from types import SimpleNamespace
from typing import Any, cast

from gcl_spec.index.newest import Newest
from gcl_spec.index.table import Table


def test_values_are_made_once_for_a_version() -> None:
    table: Any = SimpleNamespace(lance=SimpleNamespace(version=1))
    made: list[tuple[object, ...]] = []

    def of(*names: str) -> list[str]:
        made.append(names)
        return [*names]

    def other(*names: str) -> int:
        return len(names)

    newest = Newest(cast("Table", table))
    newest.look()
    first = newest.kept(of, "a")
    assert newest.kept(of, "a") is first
    assert newest.kept(of, "b") == ["b"]
    assert newest.kept(other, "a") == 1
    assert made == [("a",), ("b",)]
    newest.look()
    assert newest.kept(of, "a") is first
    table.lance.version = 2
    assert newest.kept(of, "a") is first, "a search sees one version"
    newest.look()
    assert newest.kept(of, "a") == first
    assert made == [("a",), ("b",), ("a",)]
