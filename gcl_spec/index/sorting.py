"""Tells items that an index has from those that are new or have changed."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from gcl_spec._words import brief
from gcl_spec.embed.entry import Entry
from gcl_spec.index.about import About, Origin
from gcl_spec.index.items import Items, hash_of
from gcl_spec.index.table import Row, Table

__all__ = ["Sorted", "sort"]

_THREADS = 4


@dataclass(slots=True)
class Sorted:
    """Items by what is to be done.

    changed: those to encode. known: what the index has of their ids. moved: the rows of those whose
    content it has, but not its new place. same: how many it has. refused: why others are left out.
    """

    changed: list[Entry] = field(default_factory=list)
    known: dict[str, Row] = field(default_factory=dict)
    moved: dict[str, Row] = field(default_factory=dict)
    same: int = 0
    refused: dict[str, str] = field(default_factory=dict)


def sort(
    entries: Sequence[Entry], items: Items, table: Table | None, about: About | None
) -> Sorted:
    """Sort entries of different ids.

    Args:
        entries: some of the items.
        items: all of them.
        table: that of the index, None for a new one.
        about: what the index is, None for a new one.
    """
    if table is None or about is None:
        return Sorted(list(entries))
    sorted_entries = Sorted(known=table.known([entry.id for entry in entries]))
    there = [entry for entry in entries if entry.id in sorted_entries.known]
    with ThreadPoolExecutor(_THREADS) as pool:
        hashes = dict(
            zip(
                (x.id for x in there),
                pool.map(partial(hash_of, contents=items.contents), there),
                strict=True,
            )
        )
    number, gone = about.number_of(items.origin), _gone(about)
    for entry in entries:
        row = sorted_entries.known.get(entry.id)
        if row is None:
            sorted_entries.changed.append(entry)
            continue
        own = row.origin == number or row.origin in gone or items.replaces
        image = dict(entry.content).get("image")
        if row.hash != hashes[entry.id]:
            if own:
                sorted_entries.changed.append(entry)
            else:
                place = about.origins[row.origin].path or "single files"
                sorted_entries.refused[entry.id] = (
                    f"the index has another item of this id, of {brief(place)}; choose a --prefix"
                )
        elif own and (row.origin, row.image) != (number, image):
            sorted_entries.moved[entry.id] = row._replace(image=image)
        else:
            sorted_entries.same += 1
    return sorted_entries


def _gone(about: About) -> set[int]:
    """The numbers of the places that are not there any more, such as a folder that was renamed."""
    return {number for number, origin in enumerate(about.origins) if _is_gone(origin)}


def _is_gone(origin: Origin) -> bool:
    return bool(origin.path) and origin.path != "starter" and not Path(origin.path).exists()
