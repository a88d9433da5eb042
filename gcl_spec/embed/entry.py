"""What is embedded: entries of a listing, and the hash of the files that they name."""

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple, Protocol

from gcl_spec.data.sample import FILES
from gcl_spec.errors import DataError

if TYPE_CHECKING:
    from gcl_spec.data.prepare.collate import Reader

__all__ = ["Contents", "Entry", "Listing", "data_digest", "key_of"]

Content = tuple[tuple[str, str], ...]


class Entry(NamedTuple):
    """One item: all of its parts together give one row."""

    id: str
    content: Content
    """Pairs of a given modality that it has and its text or reference, by name."""
    why: str = ""
    """The reason why it cannot be embedded, where its line or row already tells."""
    role: str = ""
    """"query" or "candidate", where the rows of the two differ."""

    @property
    def modality(self) -> str:
        """The names of its parts in alphabetical order, such as "text" or "image+text"."""
        return "+".join(name for name, _ in self.content)


class Listing(Protocol):
    """N entries in a fixed order, of which there may be millions."""

    def __len__(self) -> int:
        """The number of entries."""
        ...

    def entries(self, part: slice, /) -> list[Entry]:
        """The entries of a slice."""
        ...


def key_of(content: Content, role: str = "") -> str:
    """A hash of an item's parts and role, by which its row is found again, 32 hexadecimal digits.

    >>> key_of((("text", "a dog"),)) == key_of((("image", "a dog"),))
    False
    """
    text = json.dumps([role, content] if role else content)
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


class Contents:
    """A `Reader` that keeps the hash of each file that it has read.

    Several threads may read at once.

    Args:
        root: where the files lie.
        part: gives the bytes of a part by modality and reference, b"" for one that its entry names
            in full; by default that of files of pictures and videos.
    """

    def __init__(self, root: "Reader", part: Callable[[str, str], bytes] | None = None) -> None:
        self.name = root.name
        self._root, self._part = root, part
        self._hashes: dict[str, str] = {}

    def read_bytes(self, path: str, /) -> bytes:
        """The content of a file; a `DataError` where it cannot be read."""
        self._hashes[path] = "unreadable"
        data = self._root.read_bytes(path)
        self._hashes[path] = hashlib.sha256(data).hexdigest()
        return data

    def of(self, entry: Entry) -> list[str]:
        """The hashes of the files of an entry; "unreadable" for one that cannot be read."""
        return [self._of(name, value) for name, value in entry.content]

    def hashes(self) -> dict[str, str]:
        """The hash of each file that was read, by its reference, "unreadable" for others."""
        return dict(self._hashes)

    def know(self, hashes: Mapping[str, str]) -> None:
        """Take hashes of files that another process has read."""
        self._hashes.update(hashes)

    def forget(self) -> None:
        """Forget all hashes, so that memory stays bounded."""
        self._hashes.clear()

    def _of(self, modality: str, reference: str) -> str:
        if self._part is not None:
            return hashlib.sha256(self._part(modality, reference)).hexdigest()
        if modality not in FILES:
            return ""
        if reference not in self._hashes:
            with suppress(DataError):
                self.read_bytes(reference)
        return self._hashes[reference]


def data_digest(entries: Sequence[Entry], contents: Contents) -> str:
    """SHA-256 of entries and of the files that they name, in hexadecimal."""
    hasher = hashlib.sha256()
    for line in _lines(entries, contents):
        hasher.update(line.encode("utf-8", "surrogatepass"))
    return hasher.hexdigest()


def _lines(entries: Iterable[Entry], contents: Contents) -> Iterable[str]:
    for entry in entries:
        role = [entry.role] if entry.role else []
        yield json.dumps([entry.id, entry.content, entry.why, *role, contents.of(entry)]) + "\n"
