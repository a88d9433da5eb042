"""The rows of WebVid-CoVR's csv files (arXiv 2308.14746), of which test sets and triplets are made.

The columns are pth1 (the query's video), pth2 (the video that is right), edit and, of test sets,
scores; others are not used. A path is <folder>/<stem>, without an ending.
"""

import csv
import re
from collections.abc import Iterator, Sequence
from io import StringIO
from typing import NamedTuple

from gcl_spec._files.reading import parse_json
from gcl_spec.data.formats.jsonl import read_text
from gcl_spec.data.names import listed, shown
from gcl_spec.data.root import Root
from gcl_spec.errors import DataError

__all__ = ["COLUMNS", "ENDING", "Row", "cleaned", "folder_of", "read_lines", "read_rows"]

COLUMNS = ("pth1", "pth2", "edit")
"""The columns that every file has."""
ENDING = ".mp4"
"""The end of the names of WebVid's videos."""

_SCORES = "scores"
_WORDS = 30
_MARKS = re.compile(r"([.!\"()*#:;~])")
_BLANKS = re.compile(r"\s{2,}")


class Row(NamedTuple):
    """One line of the file; `scores` has a number for each frame of the right video."""

    place: str
    query: str
    target: str
    edit: str
    scores: tuple[float, ...]


def read_rows(root: Root, path: str) -> Iterator[Row]:
    """The rows of the csv file of a test set, in its order.

    Raises:
        DataError: the file lacks a column, or a row is malformed.
    """
    for _, row in read_lines(root, path, (*COLUMNS, _SCORES)):
        if isinstance(row, DataError):
            raise row
        yield row


def read_lines(
    root: Root, path: str, columns: Sequence[str] = COLUMNS
) -> Iterator[tuple[str, Row | DataError]]:
    """The place of every row of a csv file, with the row or why it is malformed.

    Args:
        root: where the file lies.
        path: the file.
        columns: those that it must have.

    Raises:
        DataError: the file lacks a column, or is no csv file.
    """
    lines = csv.reader(StringIO(read_text(root, path), newline=""), strict=True)
    try:
        header = next(lines, [])
        lacking = [name for name in columns if header.count(name) != 1]
        if lacking:
            raise DataError(
                f"{root.name}: {path}:1: wanted one column {lacking[0]!r}; there are "
                f"{listed(map(shown, header))}"
            )
        for cells in lines:
            if cells:
                place = f"{root.name}: {path}:{lines.line_num}"
                try:
                    yield place, _row(place, header, cells, columns)
                except DataError as error:
                    yield place, error.with_traceback(None)
    except csv.Error as error:
        raise DataError(f"{root.name}: {path}:{lines.line_num}: {error}") from error


def _row(place: str, header: list[str], cells: list[str], columns: Sequence[str]) -> Row:
    if len(cells) != len(header):
        raise DataError(f"{place}: {len(cells)} cells; the first line names {len(header)} columns")
    values = dict(zip(header, cells, strict=True))
    query, target, edit = (values[name] for name in COLUMNS)
    if not query or not target:
        raise DataError(f"{place}: pth1 or pth2 is empty; give both, or remove the row")
    if _SCORES not in columns:
        return Row(place, query, target, edit, ())
    scores = values[_SCORES]
    try:
        frame_scores = tuple(float(score) for score in parse_json(scores))
    except (ValueError, TypeError) as error:
        raise DataError(
            f"{place}: scores must be a list of numbers, such as [0.1, 0.2], not {scores!r:.80}"
        ) from error
    return Row(place, query, target, edit, frame_scores)


def folder_of(root: Root, first: str, sizes: Sequence[str] = ("8M",)) -> str:
    """The folder of the videos, with the "/" at its end; "" for that of the csv file's root.

    Args:
        root: where the videos lie.
        first: the path of one of them, with its ending.
        sizes: the names of WebVid's parts.
    """
    webvid = [f"{before}{size}/train/" for size in sizes for before in _BEFORE]
    return next((x for x in ("", "videos/", *webvid) if root.exists(f"{x}{first}")), "")


_BEFORE = ("", "WebVid/", "datasets/WebVid/")  # CoVR's own code uses these folders


def cleaned(edit: str) -> str:
    """An edit text as CoVR encodes it: lower case, without some marks, its first 30 words.

    >>> cleaned('Turn the "dog" into a CAT!'), cleaned("don't (stop)")
    ('turn the dog into a cat', "don't stop")
    """
    text = _MARKS.sub(" ", edit.lower())
    text = _BLANKS.sub(" ", text).rstrip("\n").strip(" ")
    return " ".join(text.split(" ")[:_WORDS])
