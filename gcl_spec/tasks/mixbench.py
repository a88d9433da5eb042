"""Reads MixBench (GR-CLIP, mixed-modality search): candidates are texts, pictures, or both.

MixBench25     <subset>/{queries,corpus,mixed_corpus}.jsonl with query_id or corpus_id, text, image
               (a path below the subset), and <subset>/qrels/qrels.tsv
MixBench2026   <subset>/{queries,mixed_corpus}.parquet with id, text, image (a file's content), and
               no judgements, which are MixBench25's
"""

import random
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any, Literal, NamedTuple

from gcl_spec.data.formats.jsonl import read_jsonl
from gcl_spec.data.root import Root
from gcl_spec.errors import DataError
from gcl_spec.tasks.fields import check_names, id_of, text_of
from gcl_spec.tasks.item import Item
from gcl_spec.tasks.item_table import ItemStore, ItemTable
from gcl_spec.tasks.judged_task import Sides, judged_task
from gcl_spec.tasks.parquet_pictures import reference
from gcl_spec.tasks.parquet_rows import parquet_table
from gcl_spec.tasks.task import Task

__all__ = ["SETS", "read", "script_parts"]

SETS: tuple[str, ...] = ("MSCOCO", "Google_WIT", "VisualNews", "OVEN")
"""The subsets of the published tables."""

Corpus = Literal["mixed", "mixed whole", "script", "whole"]

_BASES = ("", "MixBench25/", "MixBench2026/", "MixBench26/")
_SEED = 42
_NAMES = {"text": ("txt", "caption"), "image": ("img", "image_path", "img_path")}
_PARTS = (("text",), ("image",), ("image", "text"))


def read(
    root: Root,
    names: Sequence[str] = (),
    *,
    corpus: Corpus = "mixed",
    text_queries: bool = False,
    strict: bool = True,
) -> tuple[Task, ...]:
    """The tasks of subsets.

    Args:
        root: the folder of subsets, or the one in which MixBench25 and MixBench2026 lie.
        names: the subsets; by default all that are there.
        corpus: "mixed" for the published mixed_corpus; "mixed whole" for its documents that have
            both parts in the corpus, which alone GR-CLIP's script searches; "script" for these with
            the parts that the script draws with seed 42; "whole" for documents with all parts.
        text_queries: leave pictures out of queries, as that script does, and queries without text.
        strict: refuse relevant documents that are in no corpus; else they count as never found.

    Raises:
        DataError: a file is missing or malformed.
    """
    bases = {name: _base(root, name) for name in names or SETS}
    folders = {name: base for name, base in bases.items() if base is not None}
    missing = [name for name in bases if name not in folders]
    if not folders or (names and missing):
        raise DataError(
            f"{root.name}: no MixBench here, since there is no {missing[0]}/queries.jsonl or "
            ".parquet; name the folder that holds the subsets"
        )
    return tuple(
        _task(root, base, name, corpus, text_queries, strict) for name, base in folders.items()
    )


def script_parts(count: int) -> list[tuple[str, ...]]:
    """The parts that GR-CLIP's script leaves to each of `count` documents: a third each of a kind.

    The random numbers are Python's own, as in
    https://github.com/yuhui-zh15/MixedModalitySearch, src/retrieval_mixbench.py.
    """
    order = random.Random(_SEED).sample(range(count), count)
    parts = {document: _PARTS[place % len(_PARTS)] for place, document in enumerate(order)}
    return [parts[document] for document in range(count)]


def _base(root: Root, name: str) -> str | None:
    for base in _BASES:
        if any(root.exists(f"{base}{name}/queries.{kind}") for kind in ("jsonl", "parquet")):
            return base
    return None


def _task(
    root: Root, base: str, name: str, corpus: Corpus, text_queries: bool, strict: bool
) -> Task:
    folder = f"{base}{name}"
    entries = _entries(root, folder, "queries", "query_id")
    out = {entry.id for entry in entries.values() if text_queries and not entry.text}
    for entry in entries.values():
        if not entry.text and not entry.image:
            raise DataError(f"{entry.place}: query {entry.id!r} has neither text nor image")
    queries = {
        id: Item(id, image=None if text_queries else entry.image, text=entry.text)
        for id, entry in entries.items()
        if id not in out
    }
    pool, dropped = _documents(root, folder, corpus)
    sides = Sides(queries, pool, out, dropped)
    name = name.rpartition("/")[2]
    path = _judgements(root, folder, name)
    task = judged_task(root, name, path, sides, every=True, strict=strict)
    notes = [f"{name}: {len(dropped)} documents lack parts and are left out"] if dropped else []
    notes += [f"{name}: {len(out)} queries lack text and are left out"] if out else []
    return replace(task, notes=(*task.notes, *notes))


def _documents(root: Root, folder: str, corpus: Corpus) -> tuple[ItemTable, set[str]]:
    """The candidates, and the ids of documents that are left out because parts are missing."""
    file = "mixed_corpus" if corpus.startswith("mixed") else "corpus"
    every = _entries(root, folder, file, "corpus_id")
    kept = [entry for entry in every.values() if entry.text or entry.image]
    if corpus in ("mixed whole", "script"):
        whole = _entries(root, folder, "corpus", "corpus_id")
        both = {entry.id for entry in whole.values() if entry.text and entry.image}
        kept = [entry for entry in kept if entry.id in both]
    kinds = script_parts(len(kept)) if corpus == "script" else [_PARTS[2]] * len(kept)
    store = ItemStore()
    for entry, kind in zip(kept, kinds, strict=True):
        text = entry.text if "text" in kind else None
        image = entry.image if "image" in kind else None
        store.add(entry.id, entry.place, image=image, text=text)
    if not len(store):
        raise DataError(f"{root.name}: {folder}/{file} holds no document with its parts")
    return store.since(0), every.keys() - {entry.id for entry in kept}


class _Entry(NamedTuple):
    place: str
    id: str
    text: str | None
    image: str | None


def _entries(root: Root, folder: str, file: str, key: str) -> dict[str, _Entry]:
    """The entries of a file of either year, by id; a missing part is null or ""."""
    parquet = root.exists(f"{folder}/{file}.parquet")
    entries: dict[str, _Entry] = {}
    for entry in (_of_parquet if parquet else _of_jsonl)(root, folder, file, key):
        known = entries.setdefault(entry.id, entry)
        if known[1:] != entry[1:]:
            raise DataError(
                f"{entry.place}: {entry.id!r} stands at {known.place} too, with another content; "
                "rename or remove one of the two"
            )
    return entries


def _of_jsonl(root: Root, folder: str, file: str, key: str) -> Iterator[_Entry]:
    for place, record in read_jsonl(root, f"{folder}/{file}.jsonl"):
        check_names(place, record, {key: (), **_NAMES})
        image = record.get("image")
        if image is not None and not isinstance(image, str):
            raise DataError(f"{place}: 'image' must be a path or null, not {image!r:.80}")
        path = f"{folder}/{image}" if image else None
        yield _entry(place, record, path, key)


def _of_parquet(root: Root, folder: str, file: str, _: str) -> Iterator[_Entry]:
    path = f"{folder}/{file}.parquet"
    table = parquet_table(root, [path], ["id", "text", "image"])
    for row in range(len(table)):
        image = reference(path, row) if table.shows(row, "image") else None
        record = {name: table.value(row, name) for name in ("id", "text")}
        yield _entry(table.place(row), record, image, "id")


def _entry(place: str, record: dict[str, Any], image: str | None, key: str) -> _Entry:
    return _Entry(place, id_of(place, record, key), text_of(place, record, "text"), image)


def _judgements(root: Root, folder: str, name: str) -> str:
    """The file of judgements, which for MixBench2026 is that of MixBench25."""
    tries = [f"{place}/qrels/qrels.tsv" for place in (folder, f"MixBench25/{name}", name)]
    for path in tries:
        if root.exists(path):
            return path
    raise DataError(
        f"{root.name}: no judgements, {tries[0]}; MixBench2026 has none of its own: put MixBench25 "
        "beside it, and name the folder of both"
    )
