"""Makes one source of several files of samples, whose pictures may lie in two places."""

from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from itertools import accumulate
from pathlib import Path
from typing import BinaryIO

from gcl_spec.data.embedded import is_embedded
from gcl_spec.data.names import listed, shown
from gcl_spec.data.root import Root
from gcl_spec.data.sample import Sample
from gcl_spec.data.source import Source
from gcl_spec.errors import DataError, EmptyDataError

__all__ = ["JoinedSource", "NearestRoot", "joined"]


def joined(open_file: Callable[[Path], Source], files: Sequence[Path]) -> Source:
    """One source of several files of a kind; a note names the files without a sample."""
    sources, empty = [], []
    for file in files:
        try:
            sources.append(open_file(file))
        except EmptyDataError:
            empty.append(file)
    if not sources:
        return open_file(files[0])
    source = JoinedSource(sources, unique=files[0].suffix.lower() == ".jsonl")
    if empty:
        source.warnings = (
            *source.warnings,
            f"files without a sample: {len(empty):,}, such as {listed(map(shown, empty), 3)}",
        )
    return source


class JoinedSource:
    """A `Source` of the samples of several, one after the other, whose pictures lie in one place.

    Args:
        sources: one source or more.
        unique: a sample is malformed if an earlier file has its id, as if a line of its own had.
    """

    def __init__(self, sources: Sequence[Source], *, unique: bool) -> None:
        """Look through the ids, where they must be unique."""
        more = f" and {len(sources) - 1} more" if len(sources) > 1 else ""
        self.name = f"{sources[0].name}{more}"
        self._sources = tuple(sources)
        self._ends = list(accumulate(map(len, sources)))
        self.warnings = _merged(self._sources, "warnings")
        self.notes = _merged(self._sources, "notes")
        self._twice = self._repeated() if unique else {}

    def __len__(self) -> int:
        return self._ends[-1]

    def sample(self, number: int, /) -> Sample:
        """Sample `number`, from 0, without its picture (`Source.sample`).

        Raises:
            DataError: its row is malformed, or has the id of a sample of an earlier file.
        """
        source, row = self._find(number)
        sample = source.sample(row)
        if number in self._twice:
            raise DataError(
                f"{source.place(row)}: id {sample.id!r} stands in an earlier file, too: "
                f"{self.place(self._twice[number])}"
            )
        return sample

    def place(self, number: int, /) -> str:
        """The place of sample `number`, for messages (`Source.place`)."""
        source, row = self._find(number)
        return source.place(row)

    def label(self, number: int, /) -> str:
        """The id of sample `number`, also of a malformed one (`Source.label`)."""
        source, row = self._find(number)
        return source.label(row)

    def parts(self) -> Iterator[str]:
        """Texts that change where the samples do (`Source.parts`)."""
        for source in self._sources:
            yield from source.parts()

    def read_bytes(self, reference: str, /) -> bytes:
        """The file of a picture, by its reference (`Source.read_bytes`)."""
        return self._sources[0].read_bytes(reference)

    def _find(self, number: int) -> tuple[Source, int]:
        if not 0 <= number < len(self):
            raise IndexError(number)
        at = bisect_right(self._ends, number)
        return self._sources[at], number - (self._ends[at - 1] if at else 0)

    def _repeated(self) -> dict[int, int]:
        """Samples whose id one of an earlier file has, with the number of that one."""
        first: dict[str, tuple[int, int]] = {}
        twice: dict[int, int] = {}
        number = 0
        for at, source in enumerate(self._sources):
            for row in range(len(source)):
                label = source.label(row)
                file, earlier = first.setdefault(label, (at, number)) if label else (at, number)
                if file != at:
                    twice[number] = earlier
                number += 1
        return twice


class NearestRoot:
    """A root in which a path that leads to no file is looked up in one of its folders, too.

    Args:
        root: where paths are looked up first.
        folder: the folder of the file that names the pictures, such as "train".
    """

    def __init__(self, root: Root, folder: str) -> None:
        self.name, self._root, self._folder = root.name, root, folder

    def read_bytes(self, path: str, /) -> bytes:
        """The content of a file (`Root.read_bytes`)."""
        return self._root.read_bytes(self._place(path))

    def open(self, path: str, /) -> BinaryIO:
        """A file of any size, open for reading (`Root.open`)."""
        return self._root.open(self._place(path))

    def exists(self, path: str, /) -> bool:
        """Is there a file of this path (`Root.exists`)?"""
        return self._root.exists(self._place(path))

    def folders(self, path: str, /) -> list[str]:
        """The sorted names of the folders in a folder (`Root.folders`)."""
        return self._root.folders(path)

    def listing(self, path: str, /) -> tuple[str, ...]:
        """No names (`Root.listing`), since a file may lie in either of two places."""
        return ()

    def _place(self, path: str) -> str:
        if is_embedded(path) or path.startswith(("/", "file:")) or self._root.exists(path):
            return path
        inner = f"{self._folder}/{path}"
        return inner if self._root.exists(inner) else path


def _merged(sources: Sequence[Source], kind: str) -> tuple[str, ...]:
    """The texts of all sources, each once."""
    files: dict[str, list[str]] = {}
    for source in sources:
        for text in getattr(source, kind):
            files.setdefault(text.removeprefix(source.name), []).append(source.name)
    said = []
    for text, names in files.items():
        more = f" and {len(names) - 1} more" if len(names) > 1 else ""
        said.append(f"{names[0]}{more}{text}" if text.startswith(":") else text)
    return tuple(said)
