"""Items to add to an index, and what has become of them."""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from gcl_spec._typing import FloatArray
from gcl_spec.config.user_paths import is_text
from gcl_spec.data.prepare.collate import Collate
from gcl_spec.embed.entry import Contents, Entry, Listing
from gcl_spec.index.about import Origin
from gcl_spec.index.queries import MOST_TEXT

__all__ = ["MOST_TEXT", "Added", "Items", "RowMaker", "hash_of", "refusal"]

_LONGEST_ID = 4096


class RowMaker(Protocol):
    """Makes the rows of items: a model (`EntryEncoder`), or a folder of rows."""

    def encode(
        self, entries: Sequence[Entry], told: Callable[[int], None]
    ) -> tuple[FloatArray, dict[int, str]]:
        """Rows (R, D) of entries, and the reasons of those without one, by their place."""
        ...


class Items(NamedTuple):
    """Items to add, and how their parts are read.

    replaces: an item that came from another place is replaced by one of the same id; without it
        that stays, and the other is listed.
    encoder: what has their rows already, in place of the model.
    closed: what the ids begin with of items that may be there and cannot be listed.
    """

    origin: Origin
    listing: Listing
    collate: Collate
    contents: Contents
    notes: tuple[str, ...] = ()
    replaces: bool = False
    encoder: RowMaker | None = None
    closed: tuple[str, ...] = ()


@dataclass(slots=True)
class Added:
    """What adding has done: numbers of items, and why others are absent, by their ids."""

    added: int = 0
    replaced: int = 0
    same: int = 0
    removed: int = 0
    absent: dict[str, str] = field(default_factory=dict)

    def counts(self) -> Mapping[str, int]:
        """The numbers, by what they count."""
        return {
            "added": self.added,
            "replaced": self.replaced,
            "unchanged": self.same,
            "removed": self.removed,
            "left out": len(self.absent),
        }


def hash_of(entry: Entry, contents: Contents) -> str:
    """A hash of an item's modality, text and files, 32 hexadecimal digits.

    The names of its files have no part in it. Two items that cannot be read are equal.
    """
    files = contents.of(entry)
    parts = [
        (name, digest or value) for (name, value), digest in zip(entry.content, files, strict=True)
    ]
    return hashlib.blake2b(json.dumps(parts).encode(), digest_size=16).hexdigest()


def refusal(entry: Entry) -> str:
    """Why an item cannot be indexed, as far as its id and texts tell; "" where it may be."""
    if entry.why:
        return entry.why
    if not entry.id or len(entry.id) > _LONGEST_ID or not is_text(entry.id):
        return f"its id is no text of 1 to {_LONGEST_ID:,} characters"
    text = dict(entry.content).get("text", "")
    if len(text) > MOST_TEXT:
        return f"its text has {len(text):,} characters; at most {MOST_TEXT:,} are indexed"
    return "" if is_text(text) else "its text holds half a surrogate pair, which is no text"
