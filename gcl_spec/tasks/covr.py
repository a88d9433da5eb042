"""Reads WebVid-CoVR (arXiv 2308.14746): a video and an edit text look for another video.

The file is webvid8m-covr_test.csv, with the columns pth1 (the query's video), pth2 (the video that
is right), edit and scores; others are not used. A path is <folder>/<stem>, without an ending. The
candidates are the right videos of all rows. The query's own video never counts as found.
"""

import csv
import re
from collections.abc import Iterator, Sequence
from io import StringIO
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from gcl_spec._files.reading import parse_json
from gcl_spec.data.formats.jsonl import read_text
from gcl_spec.data.names import listed, shown
from gcl_spec.data.root import Root
from gcl_spec.errors import DataError
from gcl_spec.tasks.item import Item
from gcl_spec.tasks.task import Task

__all__ = [
    "FRAMES",
    "SETS",
    "VIDEO_FOLDERS",
    "Row",
    "cleaned",
    "query_frame",
    "read",
    "read_rows",
    "target_frames",
]

SETS: tuple[str, ...] = ("test",)
"""The split of the published tables."""

FRAMES = 15
"""How many frames of a candidate are encoded, at most."""

VIDEO_FOLDERS = ("", "videos/", "8M/train/", "WebVid/8M/train/", "datasets/WebVid/8M/train/")
"""Where videos are looked for, those of CoVR's own code among them."""

_FOLDERS = ("", "annotation/webvid-covr/", "annotations/", "annotation/")
_COLUMNS = ("pth1", "pth2", "edit", "scores")
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


def read(
    root: Root, names: Sequence[str] = (), *, videos: str = "", ending: str = ".mp4"
) -> tuple[Task, ...]:
    """The tasks of splits; a query has a "video" and a text, a candidate a "video".

    Of the query's video, the model sees one frame (`query_frame`), of a candidate several
    (`target_frames`). The id of a query is its row's number, from 0; that of a candidate its path.

    Args:
        root: where the csv file lies.
        names: splits, or paths of csv files; by default the test split.
        videos: the folder of the videos; where it is not given, the first of `VIDEO_FOLDERS` that
            holds the first row's right video.
        ending: what stands after the paths of the file.

    Raises:
        DataError: a file is missing or malformed, or two rows have one right video.
    """
    return tuple(_task(root, name, videos, ending) for name in names or SETS)


def _task(root: Root, name: str, videos: str, ending: str) -> Task:
    path = name if name.endswith(".csv") else _path(root, name)
    rows = list(read_rows(root, path))
    if not rows:
        raise DataError(f"{root.name}: {path} holds no row")
    folder = _folder(root, f"{rows[0].target}{ending}", videos)
    places: dict[str, str] = {}
    for row in rows:
        known = places.setdefault(row.target, row.place)
        if known != row.place:
            raise DataError(
                f"{row.place}: video {row.target!r} is the right one of {known} too; a test set "
                "has each once, so remove one of the rows"
            )
    own = [str(n) for n, row in enumerate(rows) if row.query == row.target]
    note = f"{root.name}: {path}: {len(own)} queries look for their own video, which never counts "
    return Task(
        f"webvid-covr {name.rpartition('/')[2].removesuffix('.csv')}",
        tuple(
            Item(str(n), text=cleaned(row.edit) or None, video=f"{folder}{row.query}{ending}")
            for n, row in enumerate(rows)
        ),
        tuple(Item(row.target, video=f"{folder}{row.target}{ending}") for row in rows),
        {str(n): frozenset({row.target}) for n, row in enumerate(rows)},
        (f"{note}as found: rows {', '.join(own)}",) if own else (),
        metrics=("hit@1", "hit@5", "hit@10", "hit@50"),
        frame_scores={f"{folder}{row.target}{ending}": row.scores for row in rows},
        left_out={
            str(n): frozenset({row.query}) for n, row in enumerate(rows) if row.query in places
        },
    )


def _folder(root: Root, first: str, videos: str) -> str:
    """The folder of the videos, with the "/" at its end; "" for that of the csv file's root."""
    if videos:
        return f"{videos.rstrip('/')}/"
    return next((folder for folder in VIDEO_FOLDERS if root.exists(f"{folder}{first}")), "")


def _path(root: Root, split: str) -> str:
    """The file of a split: the test split is of WebVid's 8M videos, the others of its 2M."""
    size = 8 if split == "test" else 2
    tries = [f"{folder}webvid{size}m-covr_{split}.csv" for folder in _FOLDERS]
    for path in tries:
        if root.exists(path):
            return path
    raise DataError(
        f"{root.name}: no WebVid-CoVR here, since there is no {tries[0]}; name the folder that "
        "holds it"
    )


def read_rows(root: Root, path: str) -> Iterator[Row]:
    """The rows of a csv file, in its order.

    Raises:
        DataError: the file lacks a column, or a row is malformed.
    """
    lines = csv.reader(StringIO(read_text(root, path), newline=""), strict=True)
    try:
        header = next(lines, [])
        lacking = [name for name in _COLUMNS if header.count(name) != 1]
        if lacking:
            raise DataError(
                f"{root.name}: {path}:1: wanted one column {lacking[0]!r}; there are "
                f"{listed(map(shown, header))}"
            )
        for cells in lines:
            if cells:
                yield _row(f"{root.name}: {path}:{lines.line_num}", header, cells)
    except csv.Error as error:
        raise DataError(f"{root.name}: {path}:{lines.line_num}: {error}") from error


def _row(place: str, header: list[str], cells: list[str]) -> Row:
    if len(cells) != len(header):
        raise DataError(f"{place}: {len(cells)} cells; the first line names {len(header)} columns")
    query, target, edit, scores = (cells[header.index(name)] for name in _COLUMNS)
    if not query or not target:
        raise DataError(f"{place}: pth1 or pth2 is empty; give both, or remove the row")
    try:
        found = tuple(float(score) for score in parse_json(scores))
    except (ValueError, TypeError) as error:
        raise DataError(
            f"{place}: scores must be a list of numbers, such as [0.1, 0.2], not {scores!r:.80}"
        ) from error
    return Row(place, query, target, edit, found)


def cleaned(edit: str) -> str:
    """An edit text as CoVR encodes it: lower case, without some marks, its first 30 words.

    >>> cleaned('Turn the "dog" into a CAT!'), cleaned("don't (stop)")
    ('turn the dog into a cat', "don't stop")
    """
    text = _MARKS.sub(" ", edit.lower())
    text = _BLANKS.sub(" ", text).rstrip("\n").strip(" ")
    return " ".join(text.split(" ")[:_WORDS])


def query_frame(length: int) -> int:
    """The number of the frame of a query's video of `length` frames that is encoded."""
    return length // 2


def target_frames(length: int, most: int = FRAMES) -> list[int]:
    """The numbers of the frames of a candidate's video that are encoded: the middles of stretches.

    >>> target_frames(7, 3)
    [0, 2, 5]
    """
    count = min(most, length)
    edges = np.linspace(0, length, count + 1).astype(int).tolist()
    return [(start + end - 1) // 2 for start, end in pairwise(edges)]
