"""Composed triplets of videos: the training rows of WebVid-CoVR (arXiv 2308.14746)."""

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path

from gcl_spec._files.reading import open_regular
from gcl_spec.data.formats.composed import Composed, ComposedSource, Side
from gcl_spec.data.formats.covr_rows import COLUMNS, ENDING, cleaned, folder_of, read_lines
from gcl_spec.data.root import FolderRoot, Root
from gcl_spec.errors import DataError

__all__ = ["CovrTriplets", "is_covr"]

_HEADER = 2**16


def is_covr(path: Path) -> bool:
    """Has the first line of a csv file the columns of WebVid-CoVR?"""
    with open_regular(path) as file:
        text = file.read(_HEADER).decode("utf-8-sig", "replace")
    line = text.splitlines()[0] if text else ""  # lines may end as on old Macs
    return {*COLUMNS} <= {*next(csv.reader([line]), [])}


class CovrTriplets(ComposedSource):
    """A `Source` of rows of a video with an edit text, and the video that the edit leads to.

    What a model takes of the query's video is all of it, as "video", or its middle frame, as
    "image", which CoVR itself trains on.

    Args:
        path: a file such as webvid2m-covr_train.csv.
        videos: where the videos lie, in it or in one of the folders of CoVR's own code.
        given: the modalities that the model takes.
    """

    def __init__(self, path: Path, videos: Root, given: Sequence[str]) -> None:
        """Read all rows; a `DataError` where none can be trained on, or not without videos."""
        if "video" not in given:
            raise DataError(
                f"{path}: rows of WebVid-CoVR, whose answers are videos: set model.modalities, "
                'such as ["video", "text", "video+text"]'
            )
        self._root, self._path = FolderRoot(path.parent), path
        self._folder = ""
        self._paths: dict[str, str] = {}
        self._folder = self._find(videos)
        super().__init__(str(path), self._read(), videos)
        self._paths.clear()
        first = self.first_picture()
        if first and not videos.exists(first):
            self.warnings = (
                f"{self.name}: no video {first!r} in {videos.name}; name the folder that holds "
                "the videos with --set data.images=FOLDER",
            )

    def _find(self, videos: Root) -> str:
        """The folder of the videos: the one that holds the query of the first well-formed row."""
        for _, row in read_lines(self._root, self._path.name):
            if not isinstance(row, DataError):
                return folder_of(videos, f"{row.query}{ENDING}", ("2M", "8M"))
        return ""

    def _read(self) -> Iterator[tuple[str, Composed | DataError]]:
        for place, row in read_lines(self._root, self._path.name):
            if isinstance(row, DataError):
                yield place, row
                continue
            query, target = (self._video(path) for path in (row.query, row.target))
            yield place, Composed(Side(cleaned(row.edit), "", query), Side("", "", target))

    def _video(self, path: str) -> str:
        """The path of a video's file, as one object in memory for the many rows that name it."""
        whole = f"{self._folder}{path}{ENDING}"
        return self._paths.setdefault(whole, whole)
