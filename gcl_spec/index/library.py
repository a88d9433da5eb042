"""LanceDB, which is imported when an index is first opened, and the quoting of its SQL."""

import re
import sys
from collections.abc import Collection
from contextlib import AbstractContextManager
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any

from gcl_spec.errors import ConfigError
from gcl_spec.index.one_error import first_line, one_error

__all__ = ["equals_any", "lance_errors", "lancedb"]

_PLACE = re.compile(r",? \S+\.rs:\d+:\d+")  # a line of LanceDB's own code
_CLIENT = "lance_namespace_urllib3_client"
_FULL = ("No space left", "os error 28", "quota exceeded", "File too large")


def lancedb() -> Any:
    """The package lancedb.

    Raises:
        ConfigError: it is not installed.
    """
    try:
        return import_module("lancedb") if "lancedb" in sys.modules else _imported()
    except ImportError as error:
        raise ConfigError(
            f"an index needs LanceDB: pip install 'gcl-spec[index]' ({error})"
        ) from error


def _imported() -> ModuleType:
    """The package, without classes that it never uses.

    Half of the import of lancedb 0.40 (1.2 of 2.3 seconds) runs the `__init__` of the client of a
    remote catalogue, of which lancedb takes modules alone. A package without that `__init__` stands
    in its place meanwhile.
    """
    spec = find_spec(_CLIENT) if _CLIENT not in sys.modules else None
    if spec is None:
        return import_module("lancedb")
    package = ModuleType(_CLIENT)
    package.__path__ = list(spec.submodule_search_locations or ())
    sys.modules[_CLIENT] = package
    try:
        return import_module("lancedb")
    except (ImportError, AttributeError):
        if not find_spec("lancedb"):
            raise
        del sys.modules[_CLIENT]
        return import_module("lancedb")
    finally:
        if sys.modules.get(_CLIENT) is package:
            del sys.modules[_CLIENT]


def equals_any(column: str, values: Collection[str]) -> str:
    """A condition of SQL: the column has one of these texts, whatever is in them.

    In SQL a quote within a text is written twice, and nothing else has a meaning there.

    >>> equals_any("id", ["it's", "b"])
    "id IN ('it''s', 'b')"
    """
    quoted = (f"'{value.replace(_QUOTE, 2 * _QUOTE)}'" for value in values)
    return f"{column} IN ({', '.join(quoted)})"


_QUOTE = "'"


def lance_errors(what: str, folder: Path) -> AbstractContextManager[None]:
    """A block whose errors of LanceDB become a `FileError` of one line.

    Args:
        what: the work, such as "read".
        folder: the index.
    """
    return one_error(what, f"the index {folder}", (OSError, RuntimeError, ValueError), _told)


def _told(error: Exception) -> tuple[str, str]:
    stays = "what was committed before stays"
    if any(word in str(error) for word in _FULL):
        return "the disk is full", f"free some space, then give the same command again; {stays}"
    said = _PLACE.sub("", first_line(error))
    return said, f"check its rights and the disk, then try again; {stays}"
