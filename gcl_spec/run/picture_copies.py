"""Copies of one file under several names, which are no other pictures."""

import hashlib
from collections.abc import Sequence
from dataclasses import replace

from gcl_spec.data.prepare.collate import Reader
from gcl_spec.errors import DataError
from gcl_spec.tasks.concepts import Concept
from gcl_spec.tasks.item import Item

__all__ = ["without_copies"]


def without_copies(concepts: Sequence[Concept], files: Reader) -> tuple[list[Concept], int]:
    """The concepts, no two of which have the same picture, and how many are left out.

    Where a query's picture is a copy of its document's, it gets that name, so that the two are
    known to share it. Files that cannot be read count as different; whoever encodes them says so.

    Args:
        concepts: any number of them, of which the first with a picture stays.
        files: gives the pictures.
    """
    hashes: dict[str, str] = {}

    def file_of(path: str) -> str:
        if path not in hashes:
            try:
                hashes[path] = hashlib.sha256(files.read_bytes(path)).hexdigest()
            except DataError:
                hashes[path] = path
        return hashes[path]

    def named(query: Item, own: str) -> Item:
        if query.image is None or file_of(query.image) != file_of(own):
            return query
        return Item(query.id, **{**dict(query.content), "image": own})

    kept: dict[str, Concept] = {}
    for concept in concepts:
        own = concept.parts.get("image")
        if own is None:
            kept.setdefault(concept.id, concept)
        elif file_of(own) not in kept:
            queries = tuple(named(query, own) for query in concept.queries)
            kept[file_of(own)] = replace(concept, queries=queries)
    return list(kept.values()), len(concepts) - len(kept)
