"""Reads M-BEIR (UniIR, arXiv 2311.17136) as it is published.

query/<split>/mbeir_<set>_<split>.jsonl            queries: {qid, query_txt, query_img_path, ...}
cand_pool/local/mbeir_<set>_cand_pool.jsonl        candidates: {did, txt, img_path, modality, ...}
cand_pool/global/mbeir_union_test_cand_pool.jsonl  all candidates, which UniIR itself does not read
qrels/<split>/mbeir_<set>_<split>_qrels.txt        judgements: qid 0 did grade task
instructions/query_instructions.tsv                prompts

A set is a data set and a task, such as "oven_task6"; the sets of training have no task. The files
of query/union_train and query/union_val, which hold the queries of all sets again, are not read.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from gcl_spec.data.formats.jsonl import read_jsonl
from gcl_spec.data.root import Root
from gcl_spec.errors import DataError
from gcl_spec.tasks.fields import check_names, text_of
from gcl_spec.tasks.item_table import ItemStore, ItemTable
from gcl_spec.tasks.mbeir_set import QuerySet
from gcl_spec.tasks.mbeir_text import (
    Instructions,
    formatted,
    modality_of,
    names_of_sets,
    split_id,
)
from gcl_spec.tasks.task import Task

__all__ = ["SETS", "read"]

SETS: tuple[str, ...] = tuple(names_of_sets())
"""The 16 sets of the published tables."""

_NAMES = {"did": (), "txt": ("text", "caption"), "img_path": ("image", "image_path", "img")}


def read(
    root: Root,
    names: Sequence[str] = (),
    *,
    split: str = "test",
    instructions: bool = False,
    prompt: int = 0,
    whole_union: bool = False,
    strict: bool = True,
) -> tuple[Task, ...]:
    """The tasks, each with its local pool; `union_pool` of all of them is UniIR's union pool.

    Args:
        root: the folder M-BEIR, or the one in which it lies.
        names: the sets, such as "oven_task6"; by default all of `SETS` that are there.
        split: "test", "val" or "train".
        instructions: put an instruction before each query's text.
        prompt: which of the instructions of a search, from 0.
        whole_union: read the file of the union pool, so that a global search of a few sets is among
            the candidates of all.
        strict: refuse relevant candidates that no pool has; else they count as never found.

    Raises:
        DataError: a file is missing or malformed.
    """
    files = _Files(root, split)
    names = tuple(names) or tuple(name for name in SETS if root.exists(files.queries(name)))
    if not names:
        raise DataError(
            f"{root.name}: no M-BEIR here, since there is no {files.queries(SETS[1])} or the like; "
            "name the folder that holds query/, cand_pool/ and qrels/"
        )
    paths = {name: files.pools(name) for name in names}
    store = ItemStore()
    union = _pool(root, files, files.union(), store) if whole_union else None
    pools = {name: _local(root, files, paths[name], store, union) for name in names}
    every = union or store.since(0)
    every.without_twins()
    prompts = Instructions(root, files.base) if instructions else None
    whole = union is not None or {*SETS} <= {*names}
    first, *others = (
        QuerySet(root, files.queries(name), name, pools[name], prompts, prompt, files.base).task(
            files.judgements(name), every, union, must_know=strict and whole
        )
        for name in names
    )
    return (replace(first, notes=(*files.not_read(), *first.notes)), *others)


class _Files:
    """The paths of a split."""

    def __init__(self, root: Root, split: str) -> None:
        inner = "M-BEIR" in root.folders("") and "query" not in root.folders("")
        self.base = "M-BEIR/" if inner else ""
        self.split = split
        self._root = root

    def queries(self, name: str) -> str:
        return f"{self.base}query/{self.split}/mbeir_{name}_{self.split}.jsonl"

    def judgements(self, name: str) -> str:
        return f"{self.base}qrels/{self.split}/mbeir_{name}_{self.split}_qrels.txt"

    def picture(self, path: str | None) -> str | None:
        return f"{self.base}{path}" if path else None

    def union(self) -> str:
        return f"{self.base}cand_pool/global/mbeir_union_{self.split}_cand_pool.jsonl"

    def not_read(self) -> Iterator[str]:
        """A note where there is a file of the queries of all sets."""
        union = f"union_{self.split}"
        if union in self._root.folders(f"{self.base}query"):
            yield (
                f"{self._root.name}: {self.base}query/{union} is not read: its queries are those "
                "of the sets' own files, some several times"
            )

    def pools(self, name: str) -> list[str]:
        """The files of a set's candidates: one, or those of a data set's tasks for training."""
        names = [name]
        if self.split == "train" and "_task" not in name:
            names = [known for known in SETS if known.startswith(f"{name}_task")]
        paths = []
        for one in names:
            stem = f"{self.base}cand_pool/local/mbeir_{one}"
            # MSCOCO has a pool for each split, others one for all.
            tries = (f"{stem}_{self.split}_cand_pool.jsonl", f"{stem}_cand_pool.jsonl")
            paths += [path for path in tries if self._root.exists(path)][:1]
        if not paths:
            raise DataError(
                f"{self._root.name}: no pool of candidates for {name}, cand_pool/local/mbeir_{name}"
                "_cand_pool.jsonl; fetch the folder cand_pool of M-BEIR too"
            )
        return paths


def _local(
    root: Root, files: _Files, paths: Sequence[str], store: ItemStore, union: ItemTable | None
) -> ItemTable:
    """A local pool: new rows, or the rows of the union pool where that is read."""
    if union is None:
        start = len(store)
        for path in paths:
            _pool(root, files, path, store)
        return store.since(start).without_twins()[0]
    numbers: list[int] = []
    for path in paths:
        for place, record in read_jsonl(root, path):
            id, _, parts = _candidate(files, place, record)
            following = numbers[-1] + 1 if numbers else 0
            if following < len(union) and union.holds(following, id, parts):
                numbers.append(following)  # so it is in a union file of joined pools
            else:
                numbers.append(_number(union, place, id, parts))
    return ItemTable(store, union.rows_N[np.asarray(numbers, np.int64)])


def _number(union: ItemTable, place: str, id: str, parts: Mapping[str, str | None]) -> int:
    """The number of a candidate in the union pool."""
    number = union.find(id)
    if number is not None and union.holds(number, id, parts):
        return number
    where = "is not in the union pool"
    if number is not None:
        where = f"has another content at {union.place(number)}"
    raise DataError(f"{place}: candidate {id!r} {where}; fetch both pools of one version")


def _pool(root: Root, files: _Files, path: str, store: ItemStore) -> ItemTable:
    start = len(store)
    for place, record in read_jsonl(root, path):
        id, modality, parts = _candidate(files, place, record)
        store.add(id, place, modality, **parts)
    if len(store) == start:
        raise DataError(f"{root.name}: {path} is empty")
    return store.since(start)


def _candidate(
    files: _Files, place: str, record: dict[str, Any]
) -> tuple[str, str, dict[str, str | None]]:
    """Id, modality and parts of a candidate; what it has follows from its content."""
    check_names(place, record, _NAMES)
    id = text_of(place, record, "did")
    split_id(id or "", place)
    parts = {
        "image": files.picture(text_of(place, record, "img_path")),
        "text": formatted(text_of(place, record, "txt")) or None,
    }
    if not any(parts.values()):
        raise DataError(f"{place}: candidate {id!r} has neither txt nor img_path; remove it")
    return id or "", modality_of(place, record, "modality"), parts
