"""Reads and writes runs and judgements of TREC's form, as trec_eval and ir-measures have them.

A line of a run is `query Q0 candidate rank score tag`; UniIR adds the number of the task. What
counts is the score, not the rank or the order of lines. A line of judgements (qrels) is
`query 0 candidate grade` (`gcl_spec.tasks.judgements`).
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from math import isfinite

from gcl_spec.data.formats.jsonl import read_text
from gcl_spec.data.root import Root
from gcl_spec.errors import DataError
from gcl_spec.tasks.judgements import grades_of, read_judgements
from gcl_spec.tasks.task import Task

__all__ = ["check_ids", "qrels_line", "read_qrels", "read_run", "run_lines"]

Run = Mapping[str, Mapping[str, float]]
"""The score of every candidate that was found, by query."""

_PADDING = "-1:9999999"  # UniIR fills a query's list with it where the pool is too small
_LAYOUTS = (6, 7)


def read_run(root: Root, path: str) -> Run:
    """The scores of a run file.

    Args:
        root: where it lies.
        path: the file.

    Raises:
        DataError: a line is none of a run, a candidate stands twice for a query, a score is not
            finite, or scores rise with the rank.
    """
    run: dict[str, dict[str, float]] = {}
    best: dict[str, list[tuple[int, float]]] = {}
    for number, line in enumerate(read_text(root, path).splitlines(), 1):
        if not line.strip():
            continue
        place = f"{root.name}: {path}:{number}"
        query, candidate, rank, score = _parts(place, line)
        if candidate == _PADDING:
            run.setdefault(query, {})
            continue
        own = run.setdefault(query, {})
        if candidate in own:
            raise DataError(
                f"{place}: candidate {candidate!r} stands twice for query {query!r}; remove one"
            )
        own[candidate] = score
        best.setdefault(query, []).append((rank, score))
    if not run:
        raise DataError(f"{root.name}: {path} is empty; wanted lines `query Q0 id rank score tag`")
    for query, ranked in best.items():
        ranked.sort(key=lambda line: line[0])
        # Some programs write 0 for every rank.
        if ranked[0][0] < ranked[-1][0] and ranked[0][1] < ranked[-1][1]:
            raise DataError(
                f"{root.name}: {path}: query {query!r} has score {ranked[0][1]:g} at rank "
                f"{ranked[0][0]} and {ranked[-1][1]:g} at rank {ranked[-1][0]}; scores must fall: "
                "negate distances"
            )
    return run


def read_qrels(root: Root, path: str) -> dict[str, dict[str, float]]:
    """The grade of every judged candidate, by query; `read_judgements` has the layouts.

    Args:
        root: where it lies.
        path: the file.

    Raises:
        DataError: the file is malformed, or holds no judgement.
    """
    grades = grades_of(read_judgements(root, path, (2, 3, 4, 5), lambda _: False))
    if not grades:
        raise DataError(f"{root.name}: {path} holds no judgement; wanted lines `query 0 id grade`")
    return grades


def check_ids(tasks: Iterable[Task]) -> None:
    """Refuse ids that cannot stand in a file of TREC's form, before anything is computed.

    Raises:
        DataError: an id holds white space.
    """
    for task in tasks:
        for items in (task.queries, task.candidates):
            for item in items:
                if item.id.split() != [item.id]:
                    raise DataError(
                        f"task {task.name}: id {item.id!r} holds white space, which separates "
                        "columns in TREC's files; rename it, or leave --trec out"
                    )


def run_lines(query: str, scored: Sequence[tuple[str, float]], tag: str) -> Iterator[str]:
    """The lines of a query, best first.

    Args:
        query: its id.
        scored: ids and scores of candidates, best first.
        tag: what names the run.
    """
    for rank, (candidate, score) in enumerate(scored, 1):
        yield f"{query} Q0 {candidate} {rank} {score:.6f} {tag}\n"


def qrels_line(query: str, candidate: str, grade: float) -> str:
    """The line of a judgement, with every digit of its grade."""
    return f"{query} 0 {candidate} {repr(float(grade)).removesuffix('.0')}\n"


def _parts(place: str, line: str) -> tuple[str, str, int, float]:
    parts = line.split()
    if len(parts) not in _LAYOUTS:
        raise DataError(
            f"{place}: wanted `query Q0 id rank score tag`, with UniIR's task or without; got "
            f"{len(parts)} columns, {line!r:.120}"
        )
    try:
        rank, score = int(parts[3]), float(parts[4])
    except ValueError:
        raise DataError(
            f"{place}: rank {parts[3]!r:.40} and score {parts[4]!r:.40} must be numbers"
        ) from None
    if not isfinite(score):
        raise DataError(f"{place}: the score is {parts[4]!r:.40}; wanted a finite one")
    return parts[0], parts[2], rank, score
