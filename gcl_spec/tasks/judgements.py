"""Reads files of judgements (qrels) line by line, in the layouts in which they are published.

2 columns   query, candidate: the candidate is relevant
3 columns   query, candidate, grade, as BEIR and MixBench have them
4 columns   query, 0, candidate, grade, as TREC has them
5 columns   query, 0, candidate, grade, task, as M-BEIR has them

Columns stand between tabs; in a line of three or more, they may stand between blanks. The first
line may name the columns.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from gcl_spec.data.formats.jsonl import read_text
from gcl_spec.data.root import Root
from gcl_spec.errors import DataError

__all__ = ["Judgement", "grades_of", "read_judgements", "relevant"]

_TREC = 4
_QUERY = re.compile(r"#?\W*(q|query|queries|topic)s?[-_ ]?(id|no)?\W*", re.IGNORECASE)


class Judgement(NamedTuple):
    """One line: the grade of a candidate for a query; above 0, the candidate is relevant."""

    place: str
    query: str
    candidate: str
    grade: float
    task: str = ""


def read_judgements(
    root: Root, path: str, layouts: tuple[int, ...], known: Callable[[str], bool]
) -> Iterator[Judgement]:
    """The judgements of a file, in the file's order.

    Args:
        root: where the data lies.
        path: the file.
        layouts: the numbers of columns that the format may have; all lines have one of them.
        known: says whether an id is that of a query, since a header line names none.

    Raises:
        DataError: a line has other columns, or a grade that is no number.
    """
    count = 0
    for number, line in enumerate(read_text(root, path).split("\n"), 1):
        if not line.strip():
            continue
        place = f"{root.name}: {path}:{number}"
        parts = _columns(line.rstrip("\r"), layouts)
        if len(parts) not in layouts or (count and len(parts) != count):
            raise DataError(f"{place}: wanted {_wanted(layouts, count)}; got {line!r:.200}")
        first, count = not count, len(parts)
        if not (first and _is_header(parts, known)):
            yield _judgement(place, parts)


def grades_of(lines: Iterable[Judgement]) -> dict[str, dict[str, float]]:
    """The grade of every judged candidate, by query.

    Raises:
        DataError: a query and a candidate have two grades.
    """
    grades: dict[str, dict[str, float]] = {}
    for line in lines:
        known = grades.setdefault(line.query, {}).setdefault(line.candidate, line.grade)
        if known != line.grade:
            raise DataError(
                f"{line.place}: query {line.query!r} and candidate {line.candidate!r} have grade "
                f"{line.grade:g} here and {known:g} on an earlier line; remove one of the two"
            )
    return grades


def relevant(grades: dict[str, float]) -> frozenset[str]:
    """The candidates with a grade above 0."""
    return frozenset(candidate for candidate, grade in grades.items() if grade > 0)


def _columns(line: str, layouts: tuple[int, ...]) -> list[str]:
    tabs, blanks = line.split("\t"), line.split()
    if len(tabs) in layouts:  # an id may hold blanks
        return tabs
    return blanks if len(blanks) in layouts and len(blanks) > 2 else tabs


def _is_header(parts: list[str], known: Callable[[str], bool]) -> bool:
    """Are these names of columns? A first line with a grade is none, and names are no ids."""
    if known(parts[0]) or (len(parts) > 2 and _number(_grade(parts)) is not None):
        return False
    return _QUERY.fullmatch(parts[0]) is not None


def _judgement(place: str, parts: list[str]) -> Judgement:
    if len(parts) == 2:
        return Judgement(place, parts[0], parts[1], 1.0)
    grade = _number(_grade(parts))
    if grade is None:
        raise DataError(
            f"{place}: the grade {_grade(parts)!r:.40} is no number; wanted 0 for a candidate that "
            "is not relevant, and 1 or more for one that is"
        )
    candidate = parts[1] if len(parts) == 3 else parts[2]
    return Judgement(place, parts[0], candidate, grade, "".join(parts[_TREC:]))


def _grade(parts: list[str]) -> str:
    return parts[2] if len(parts) == 3 else parts[3]


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if abs(number) < float("inf") else None


def _wanted(layouts: tuple[int, ...], count: int) -> str:
    if count:
        return f"{count} columns as on the lines before"
    if layouts[0] == 2:
        return "a query id, a tab, a candidate id (and a grade, or TREC's four columns)"
    return f"{' or '.join(map(str, layouts))} columns"
