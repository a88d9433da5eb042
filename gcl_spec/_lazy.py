"""Names of a package that are imported when they are first used: importing it stays fast."""

from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from typing import Any, NamedTuple

__all__ = ["Lazy", "lazy"]


class Lazy(NamedTuple):
    """What a package takes as its `__getattr__` and its `__dir__`."""

    get: Callable[[str], Any]
    names: Callable[[], list[str]]


def lazy(package: str, homes: Mapping[str, str], own: Sequence[str] = ()) -> Lazy:
    """The `__getattr__` and the `__dir__` of a package whose names have their homes in its modules.

    Args:
        package: its `__name__`.
        homes: the module of each name, below the package, such as {"top_k": "search.exact"}.
        own: what the package defines itself and shows, too.

    Example:
        >>> get, names = lazy("collections", {"Mapping": "abc"})
        >>> get("Mapping").__name__, names()
        ('Mapping', ['Mapping'])
    """

    def get(name: str) -> Any:
        if name not in homes:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return getattr(import_module(f"{package}.{homes[name]}"), name)

    def names() -> list[str]:
        return sorted({*homes, *own})

    return Lazy(get, names)
