"""Makes a task of queries, candidates and a file of grades, as BEIR and MixBench have them."""

from collections.abc import Collection, Iterator
from typing import NamedTuple

from gcl_spec.data.root import Root
from gcl_spec.errors import DataError
from gcl_spec.tasks.item import Item
from gcl_spec.tasks.item_table import ItemTable
from gcl_spec.tasks.judgements import Judgement, grades_of, read_judgements, relevant
from gcl_spec.tasks.task import Task

__all__ = ["Sides", "judged_task"]


class Sides(NamedTuple):
    """Queries and candidates, and ids that were left out of them on purpose."""

    queries: dict[str, Item]
    candidates: ItemTable
    queries_out: Collection[str] = ()
    candidates_out: Collection[str] = ()


def judged_task(
    root: Root,
    name: str,
    path: str,
    sides: Sides,
    *,
    every: bool,
    strict: bool,
    metrics: tuple[str, ...] = ("ndcg@10",),
) -> Task:
    """The task of a file of judgements.

    Args:
        root: the data.
        name: the task's name.
        path: the file of judgements.
        sides: queries and candidates.
        every: ask queries without judgements too, which then count as failed.
        strict: refuse relevant candidates that are missing; else they count as never found.
        metrics: those of the benchmark's tables.

    Raises:
        DataError: a judgement is malformed, or names an unknown item.
    """
    known: list[Judgement] = []
    lost: list[str] = []
    for line in read_judgements(root, path, (3, 4), sides.queries.__contains__):
        if line.query not in sides.queries:
            if line.query in sides.queries_out:
                continue
            raise DataError(
                f"{line.place}: no query {line.query!r} in {name}; fetch queries and judgements of "
                "one version, or remove the line"
            )
        known.append(line)
        absent = line.grade > 0 and sides.candidates.find(line.candidate) is None
        if absent and line.candidate not in sides.candidates_out:
            lost.append(f"{line.place}: no candidate {line.candidate!r}, which is relevant")
    if lost and strict:
        raise DataError(
            f"{lost[0]}, and {len(lost) - 1} more; fetch candidates and judgements of one version, "
            "or read with strict=False to count them as never found"
        )
    grades = grades_of(known)
    asked = [item for id, item in sides.queries.items() if every or id in grades]
    if not asked:
        raise DataError(f"{root.name}: {path} holds no judgement; remove it, or fetch it again")
    return _task(name, asked, sides.candidates, grades, metrics, lost)


def _task(
    name: str,
    asked: list[Item],
    pool: ItemTable,
    grades: dict[str, dict[str, float]],
    metrics: tuple[str, ...],
    lost: list[str],
) -> Task:
    right = {item.id: relevant(grades.get(item.id, {})) for item in asked}
    here = {
        query: frozenset(id for id in ids if pool.find(id) is not None)
        for query, ids in right.items()
    }
    away = {query: ids - here[query] for query, ids in right.items()}
    unjudged = frozenset(query for query, ids in right.items() if not ids)
    return Task(
        name,
        tuple(asked),
        pool,
        here,
        tuple(_notes(name, unjudged, lost)),
        metrics=metrics,
        grades={
            query: of_query for query, of_query in grades.items() if {*of_query.values()} != {1.0}
        },
        elsewhere={query: ids for query, ids in away.items() if ids},
        unjudged=unjudged,
    )


def _notes(name: str, unjudged: frozenset[str], lost: list[str]) -> Iterator[str]:
    if unjudged:
        yield (
            f"{name}: {len(unjudged)} queries have no relevant candidate and count as failed, such "
            f"as {min(unjudged)!r}"
        )
    if lost:
        yield f"{name}: {lost[0]}, and {len(lost) - 1} more, count as never found"
