"""The queries of one set of M-BEIR, and which candidates are relevant to them."""

from collections.abc import Iterator
from typing import Any

from gcl_spec.data.formats.jsonl import read_jsonl
from gcl_spec.data.root import Root
from gcl_spec.errors import DataError
from gcl_spec.tasks.fields import check_names, text_of
from gcl_spec.tasks.item_table import ItemStore, ItemTable
from gcl_spec.tasks.judgements import Judgement, read_judgements
from gcl_spec.tasks.mbeir_text import (
    Instructions,
    formatted,
    modality_of,
    split_id,
    with_instruction,
)
from gcl_spec.tasks.task import Task

__all__ = ["QuerySet"]

_NAMES = {"qid": (), "query_txt": ("query_text",), "query_img_path": ("query_image_path",)}
_WIDE = ("fashion200k", "fashioniq")  # the data sets whose tables have other ranks


class QuerySet:
    """The queries of one set, and its pool.

    Args:
        root: the data.
        path: the file of queries.
        name: the set's name, such as "oven_task6".
        pool: its own candidates, each with the modality that its file says as a tag.
        prompts: the instructions, or None for none.
        prompt: which of them is taken.
        base: the folder in which the pictures' paths begin, "" or one that ends with "/".
    """

    def __init__(
        self,
        root: Root,
        path: str,
        name: str,
        pool: ItemTable,
        prompts: Instructions | None,
        prompt: int,
        base: str,
    ) -> None:
        """Read the queries; a `DataError` names a malformed one."""
        self.name, self._root, self._pool = name, root, pool
        self._prompts, self._prompt, self._base = prompts, prompt, base
        store = ItemStore()
        for place, record in read_jsonl(root, path):
            self._add(store, place, record)
        if not len(store):
            raise DataError(f"{root.name}: {path} is empty")
        self._queries, self._twins = store.since(0).without_twins()

    def _add(self, store: ItemStore, place: str, record: dict[str, Any]) -> None:
        check_names(place, record, _NAMES)
        id = text_of(place, record, "qid") or ""
        dataset, _ = split_id(id, place)
        text, image = (text_of(place, record, f"query_{key}") for key in ("txt", "img_path"))
        modality = modality_of(place, record, "query_modality")
        if self._prompts is None:
            text = formatted(text)
        else:
            sought = self._modality_sought(place, record, dataset)
            prompt = self._prompts.prompt(modality, sought, dataset, place, self._prompt)
            text = with_instruction(prompt, text)
        if not text and not image:
            raise DataError(f"{place}: query {id!r} has neither query_txt nor query_img_path")
        path = f"{self._base}{image}" if image else None
        store.add(id, place, image=path, text=text)

    def _modality_sought(self, place: str, record: dict[str, Any], dataset: int) -> str:
        """The modality of the first positive of the query's own data set in the local pool."""
        for id in record.get("pos_cand_list") or ():
            number = self._pool.find(str(id))
            if number is not None and str(id).startswith(f"{dataset}:"):
                return self._pool.tag(number)
        raise DataError(
            f"{place}: none of pos_cand_list is of data set {dataset} and in the set's own pool, "
            "by which an instruction is chosen; read without instructions, or remove the query"
        )

    def task(
        self, path: str, every: ItemTable, union: ItemTable | None, *, must_know: bool
    ) -> Task:
        """The task.

        Args:
            path: the file of judgements.
            every: the candidates of all pools that were read.
            union: the pool of a global search, where it is not that of all tasks.
            must_know: refuse relevant candidates that are in none of the pools.

        Raises:
            DataError: a judgement is malformed or names an unknown item, or a query has none.
        """
        own: dict[str, set[str]] = {id: set() for id in self._queries.ids()}
        other: dict[str, set[str]] = {}
        unknown: list[str] = []
        for line in self._relevant(path, own):
            if self._pool.find(line.candidate) is not None:
                own[line.query].add(line.candidate)
                continue
            other.setdefault(line.query, set()).add(line.candidate)
            if every.find(line.candidate) is None:
                unknown.append(f"{line.place}: relevant candidate {line.candidate!r}")
        if unknown and must_know:
            raise DataError(
                f"{unknown[0]} is in no pool, and so are {len(unknown) - 1} more; fetch pools and "
                "qrels of one version, or read with strict=False to count them as never found"
            )
        lonely = [id for id, candidates in own.items() if not candidates and id not in other]
        if lonely:
            raise DataError(
                f"{self._root.name}: {path}: no relevant candidate for {len(lonely)} queries, such "
                f"as {lonely[0]!r}; add them or remove the queries"
            )
        return Task(
            self.name,
            self._queries,
            self._pool,
            {id: frozenset(candidates) for id, candidates in own.items()},
            tuple(self._notes(own, other, unknown)),
            metrics=_metrics(self.name),
            elsewhere={id: frozenset(candidates) for id, candidates in other.items()},
            union=union,
        )

    def _relevant(self, path: str, queries: dict[str, set[str]]) -> Iterator[Judgement]:
        """The judgements above 0, by which alone UniIR goes."""
        for line in read_judgements(self._root, path, (5,), queries.__contains__):
            if line.query not in queries:
                raise DataError(
                    f"{line.place}: no query {line.query!r} in {self.name}; fetch queries and "
                    "qrels of one version, or remove the line"
                )
            if line.grade > 0:
                yield line

    def _notes(
        self, own: dict[str, set[str]], other: dict[str, set[str]], unknown: list[str]
    ) -> Iterator[str]:
        count, total = sum(map(len, other.values())), sum(map(len, own.values()))
        if count:
            yield (
                f"{self.name}: {count} of {count + total} relevant candidates are in other pools, "
                "found by a global search alone"
            )
        if unknown:
            more = len(unknown) - 1
            yield f"{self.name}: {unknown[0]} and {more} more are in no pool that was read"
        if self._twins:
            yield f"{self.name}: {self._twins} queries stand twice, and are asked once"


def _metrics(name: str) -> tuple[str, ...]:
    ranks = (10, 20, 50) if name.partition("_")[0] in _WIDE else (1, 5, 10)
    return tuple(f"hit@{k}" for k in ranks)
