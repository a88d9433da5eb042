"""Items that a program gives: an id with a picture, a text, or both."""

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from gcl_spec._files.reading import read_regular, reason
from gcl_spec.config.options import Config
from gcl_spec.data.prepare.collate import Collator
from gcl_spec.embed.entry import Contents, Entry
from gcl_spec.errors import DataError, InputError
from gcl_spec.index.about import Origin
from gcl_spec.index.items import Items

__all__ = ["FILES", "PathReader", "given_items"]

FILES = Origin("files")
"""The place of items that were given one by one: their pictures are files by absolute paths."""


class PathReader:
    """Reads files by their own paths."""

    name = "the given items"

    def read_bytes(self, path: str, /) -> bytes:
        """The content of a file; a `DataError` where it cannot be read."""
        try:
            return read_regular(Path(path))
        except OSError as error:
            raise DataError(f"{path}: cannot read it: {reason(error)}") from error


class _Entries:
    """A `Listing` of entries in memory."""

    def __init__(self, entries: list[Entry]) -> None:
        self._entries = entries

    def __len__(self) -> int:
        return len(self._entries)

    def entries(self, part: slice, /) -> list[Entry]:
        return self._entries[part]


def given_items(items: Iterable[Mapping[str, Any]], config: Config) -> Items:
    """Items as `Index.add` takes them.

    Args:
        items: mappings with "id" and "image", the path of a picture, or "text", or both.
        config: the options of the run.

    Raises:
        InputError: an item is none.
    """
    entries = [_entry(number, item) for number, item in enumerate(items)]
    if not entries:
        raise InputError("there is no item to add")
    contents = Contents(PathReader())
    return Items(FILES, _Entries(entries), Collator(config, contents), contents, replaces=True)


def _entry(number: int, item: Mapping[str, Any]) -> Entry:
    if not isinstance(item, Mapping) or set(item) - {"id", "image", "text"}:
        raise InputError(f"item {number} is none: give a mapping with id, and image, text or both")
    name, image, text = (item.get(x) for x in ("id", "image", "text"))
    if not isinstance(name, str) or not name:
        raise InputError(f"item {number} has no id; give a text, another one for each item")
    if image is not None and not isinstance(image, str | os.PathLike):
        raise InputError(f"item {name!r:.200}: image is a {type(image).__name__}; give its path")
    if text is not None and not isinstance(text, str):
        raise InputError(f"item {name!r:.200}: text is a {type(text).__name__}; give a text")
    parts = {"image": None if image is None else str(Path(image).absolute()), "text": text or None}
    content = tuple((key, x) for key, x in parts.items() if x is not None)
    return Entry(name, content, "" if content else "it has neither image nor text")
