"""A folder of videos, each with a file of the same name that holds its caption."""

import os
from collections.abc import Iterator

from gcl_spec._files.reading import is_folder, reason
from gcl_spec.data.formats.caption_files import captions_in, files_beside
from gcl_spec.data.prepare.frame_places import is_video
from gcl_spec.data.root import Root
from gcl_spec.data.sample import Sample
from gcl_spec.errors import DataError

__all__ = ["SidecarSource", "videos_in"]

_DATA = (".jsonl", ".parquet", ".tar", ".npz", ".json", ".csv", ".tsv")
_NOT_DATA = frozenset(("tasks", "val_tasks", "lost+found"))


def videos_in(path: str) -> tuple[str, ...]:
    """The videos of a folder, by their sorted paths in it; none where it holds other data, too.

    Folders in it are looked into, but for hidden ones and those of tasks.

    Raises:
        DataError: one of them cannot be read.
    """
    if not is_folder(path):
        return ()
    paths: list[str] = []
    for place, folders, names in os.walk(path, onerror=_unreadable):
        folders[:] = [name for name in folders if name[0] != "." and name not in _NOT_DATA]
        inner = os.path.relpath(place, path).replace(os.sep, "/")
        videos = [name for name in names if is_video(name) and name[0] != "."]
        if inner == "." and _holds_data(names, videos):
            return ()
        paths += videos if inner == "." else [f"{inner}/{name}" for name in videos]
    return tuple(sorted(paths))


def _unreadable(error: OSError) -> None:
    raise DataError(f"{error.filename}: cannot read the folder: {reason(error)}") from error


def _holds_data(names: list[str], videos: list[str]) -> bool:
    stems = {name.rpartition(".")[0] for name in videos}
    own = [name for name in names if name.lower().endswith(_DATA)]
    return any(name.rpartition(".")[0] not in stems for name in own)


class SidecarSource:
    """A `Source` of videos, with the caption in NAME.txt, NAME.caption or NAME.json beside them.

    `gcl_spec.data.formats.caption_files` says what they hold; the captions of all files of a video
    are its captions. An id is the path without its ending.

    Args:
        root: the folder.
        videos: paths in it, at least one.
    """

    def __init__(self, root: Root, videos: tuple[str, ...]) -> None:
        self.name, self._root, self._videos = root.name, root, videos
        self.warnings: tuple[str, ...] = ()
        self._files = {video: files_beside(video, root.exists) for video in videos}
        without = sum(not files for files in self._files.values())
        told = f"{self.name}: read as {len(videos):,} videos with their captions beside them"
        more = f"; {without:,} have none" if without else ""
        self.notes: tuple[str, ...] = (f"{told}, NAME.txt, .caption or .json{more}",)

    def __len__(self) -> int:
        return len(self._videos)

    def sample(self, number: int, /) -> Sample:
        """Sample `number`, from 0, without its video (`Source.sample`).

        Raises:
            DataError: its caption cannot be read.
        """
        video = self._videos[number]
        captions = self._captions(video)
        concept = captions[0] if captions else f"video {video}"
        return Sample.of_pair(self.label(number), None, captions, concept, video)

    def place(self, number: int, /) -> str:
        """The place of sample `number`, for messages (`Source.place`)."""
        return f"{self.name}: {self._videos[number]}"

    def label(self, number: int, /) -> str:
        """The id of sample `number` (`Source.label`)."""
        return self._videos[number].rpartition(".")[0]

    def parts(self) -> Iterator[str]:
        """Texts that change where the samples do (`Source.parts`)."""
        for number, video in enumerate(self._videos):
            try:
                yield repr((video, self.sample(number).captions))
            except DataError:
                yield ""

    def read_bytes(self, reference: str, /) -> bytes:
        """The file of a video, by its path (`Source.read_bytes`)."""
        return self._root.read_bytes(reference)

    def _captions(self, video: str) -> tuple[str, ...]:
        captions: dict[str, None] = {}
        for path in self._files[video]:
            place, content = f"{self.name}: {path}", self._root.read_bytes(path)
            try:
                captions |= dict.fromkeys(captions_in(place, content))
            except DataError:
                raise
            except ValueError as error:
                raise DataError(f"{place}: {error}") from error
        return tuple(captions)
