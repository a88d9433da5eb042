"""The training files of VISTA's second stage (arXiv 2406.04292): lines of composed triplets.

A line is {"q_type", "c_type", "query", "positive", "hard_negative"}. Types are "text", "image", and
"mm_it" for a picture with a text, which is the list [path, text]; a single text or path may stand
in a list of one. https://github.com/JUNJIE99/VISTA_Evaluation_FineTuning reads them so.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from gcl_spec._files.reading import is_file, is_folder
from gcl_spec.data.formats.composed import Composed, ComposedSource, Side
from gcl_spec.data.formats.jsonl import read_rows
from gcl_spec.data.root import FolderRoot, Root
from gcl_spec.errors import DataError

__all__ = ["VistaTriplets", "holds_triplets", "triplet_files"]

_TYPES = ("text", "image", "mm_it")


def holds_triplets(files: Sequence[Path], *, wanted: bool) -> bool:
    """Are these files of triplets, by the keys of the first line of each?

    Raises:
        DataError: some are and some are not, or they are, and pairs are `wanted`.
    """
    matches = [_begins_so(file) for file in files]
    if not any(matches):
        return False
    if not all(matches):
        other = files[matches.index(False)]
        raise DataError(
            f"{other}: no lines of composed triplets, as {files[matches.index(True)]} has"
        )
    if not wanted:
        raise DataError(
            f"{files[0]}: composed triplets, each of a query and another item: train with a recipe "
            "that ends in -triplets, or --set objective.preset=triplets"
        )
    return True


def triplet_files(path: str) -> tuple[Path, ...]:
    """The files of triplets in a folder, which the published set names after their kinds."""
    if not is_folder(path) or is_file(Path(path) / "train.jsonl"):
        return ()
    return tuple(file for file in sorted(Path(path).glob("*.jsonl")) if _begins_so(file))


def _begins_so(file: Path) -> bool:
    """Has the first line that is not blank the keys of a triplet?"""
    root = FolderRoot(file.parent)
    record = next((row for _, row in read_rows(root, file.name)), None)
    return isinstance(record, dict) and {"q_type", "c_type", "query"} <= record.keys()


class VistaTriplets(ComposedSource):
    """A `Source` of the lines of one file or several, such as the two of the published set.

    Args:
        files: the files.
        images: where the pictures lie.
    """

    def __init__(self, files: Sequence[Path], images: Root) -> None:
        """Read all lines; a `DataError` where none can be trained on."""
        more = f" and {len(files) - 1} more" if len(files) > 1 else ""
        self._wrong = 0
        super().__init__(f"{files[0]}{more}", self._read(files), images)
        if self._wrong:
            note = f"{self.name}: hard negatives, which are not used: {self._wrong:,}"
            self.notes = (*self.notes, note)

    def _read(self, files: Sequence[Path]) -> Iterator[tuple[str, Composed | DataError]]:
        for file in files:
            for place, record in read_rows(FolderRoot(file.parent), file.name):
                try:
                    if isinstance(record, DataError):
                        raise record
                    yield place, self._composed(place, record)
                except DataError as error:
                    yield place, error.with_traceback(None)

    def _composed(self, place: str, record: Mapping[str, object]) -> Composed:
        sides = [
            _side(place, record, key, kind)
            for key, kind in (("query", "q_type"), ("positive", "c_type"))
        ]
        wrong = record.get("hard_negative")
        self._wrong += len(wrong) if isinstance(wrong, list) else 0
        return Composed(*sides)


def _side(place: str, record: Mapping[str, object], key: str, kind: str) -> Side:
    """The query or the answer of a line; a `DataError` where it is not of the type that it says."""
    name, value = record.get(kind), record.get(key)
    if name not in _TYPES:
        raise DataError(f"{place}: {kind!r} is {name!r:.80}; known are {', '.join(_TYPES)}")
    held = value if isinstance(value, list) else [value]
    parts = [part.strip() for part in held if isinstance(part, str) and part.strip()]
    count = 2 if name == "mm_it" else 1
    if not len(parts) == len(held) == count:
        wanted = "a list of a path and a text" if count == 2 else f"one {name}"
        raise DataError(f"{place}: {key!r} is {value!r:.80}; {wanted} is meant, as {kind!r} says")
    if name == "mm_it":
        return Side(text=parts[1], image=parts[0])
    return Side(text=parts[0], image="") if name == "text" else Side(text="", image=parts[0])
