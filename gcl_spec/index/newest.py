"""What searches keep in memory of the newest version of a table."""

from collections.abc import Callable, Hashable
from typing import TypeVar

from gcl_spec.index.table import Table

__all__ = ["Newest"]

_T = TypeVar("_T")


class Newest:
    """Values of one version of a table, each of which is made when it is first asked for.

    Args:
        table: that of the index.
    """

    def __init__(self, table: Table) -> None:
        self._table = table
        self._version: int | None = None
        self._kept: dict[Hashable, object] = {}

    def look(self) -> None:
        """Forget all values where there is a newer version; a search begins with it."""
        version = int(self._table.lance.version)
        if version != self._version:
            self._kept.clear()
            self._version = version

    def kept(self, make: Callable[..., _T], *of: Hashable) -> _T:
        """What `make` gives of these arguments, made once for a version.

        Args:
            make: the function, whose name tells it from others.
            of: its arguments.
        """
        name = (make.__qualname__, *of)
        if name not in self._kept:
            self._kept[name] = make(*of)
        value: _T = self._kept[name]  # type: ignore[assignment]
        return value
