"""Reads WebVid-CoVR (arXiv 2308.14746): a video and an edit text look for another video.

The file is webvid8m-covr_test.csv (`gcl_spec.data.formats.covr_rows`). The candidates are the right
videos of all rows. The query's own video never counts as found.
"""

from collections.abc import Sequence

from gcl_spec.data.formats.covr_rows import ENDING, cleaned, folder_of, read_rows
from gcl_spec.data.root import Root
from gcl_spec.errors import DataError
from gcl_spec.tasks.item import Item
from gcl_spec.tasks.task import Task

__all__ = ["SETS", "read"]

SETS: tuple[str, ...] = ("test",)
"""The split of the published tables."""

_FOLDERS = ("", "annotation/webvid-covr/", "annotations/", "annotation/")


def read(
    root: Root, names: Sequence[str] = (), *, videos: str = "", ending: str = ENDING
) -> tuple[Task, ...]:
    """The tasks of splits; a query has a "video" and a text, a candidate a "video".

    Of the query's video, a model of images sees one frame, of a candidate several
    (`gcl_spec.data.prepare.frame_places`). The id of a query is its row's number, from 0; that of a
    candidate its path.

    Args:
        root: where the csv file lies.
        names: splits, or paths of csv files; by default the test split.
        videos: the folder of the videos; where it is not given, the first of those of CoVR's own
            code that holds the first row's right video.
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
    folder = f"{videos.rstrip('/')}/" if videos else folder_of(root, f"{rows[0].target}{ending}")
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
