"""Which files of a folder or pattern are trained on: those of one kind, and not of other splits."""

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path, PurePath

from gcl_spec._files.reading import reason
from gcl_spec.data.names import listed, shown, split_of
from gcl_spec.data.other_kinds import kind_of
from gcl_spec.errors import DataError

__all__ = ["TRAIN", "Files", "files_of_folder", "files_of_pattern"]

TRAIN = "train.jsonl"
# A folder is read as one of these kinds; of other kinds the files are named in messages.
_STRONG = (".jsonl", ".parquet", ".tar", ".npz")
_PACKED = (".gz", ".tgz", ".zst", ".bz2", ".xz", ".zip", ".7z", ".rar")
_SINGLE = (".json", ".csv", ".tsv")  # one such file is read where there is none of `_STRONG`
_OTHERS = (
    ".ndjson",
    ".jsonlines",
    ".arrow",
    ".feather",
    ".npy",
    ".h5",
    ".hdf5",
    ".pkl",
    ".pickle",
    ".pt",
    ".pth",
)
_RECORDS = (".lmdb", ".mdb", ".tfrecord", ".tfrecords", ".xlsx", ".beton", ".rec")
_SUFFIXES = frozenset((*_STRONG, *_SINGLE, *_PACKED, *_OTHERS, *_RECORDS))
_NO_SAMPLES = (
    *("_meta.json", "_stats.json", "dataset_infos.json"),
    *("dataset_info.json", "dataset_dict.json", "state.json"),  # of datasets' save_to_disk
)
_FOLDERS = frozenset(("data", "default"))  # the folders of data on the Hugging Face hub
_NOT_DATA = frozenset(("images", "tasks", "val_tasks"))
_PEEK = 200  # the most entries of an unread folder in which data is looked for
_DEPTH = 2
_FIRST = 3  # the number of files of each kind that messages name
_NAME = 300  # the most letters of a path in a message


@dataclass(frozen=True, slots=True)
class Files:
    """Files of one kind, none for a folder's train.jsonl, with the texts of a `Source`."""

    paths: tuple[Path, ...]
    warnings: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def files_of_folder(path: str) -> Files:
    """The files of a folder that are trained on.

    They are train.jsonl; *.parquet or *.tar; train.npz; or the one *.json, *.csv or *.tsv, or
    several of these or of *.jsonl whose names differ in digits alone. Parquet and tar files may
    also lie in data/, default/ or folders of splits. Where a file's name, or its folder's, has
    `train` in it, only such files are read; files of other splits never are. Parquet files beside
    tar files of the same names are img2dataset's metadata of the pictures: the tar files are read.

    Raises:
        DataError: no file, files of other splits alone, or files of several kinds.
    """
    folder = Path(path)
    every = sorted(_walk(folder, PurePath()))
    hidden = [file for file in every if file.name.startswith(".")]
    files = [file for file in every if not file.name.startswith(".")]
    kinds = {kind: _training(_of_kind(files, kind)) for kind in (*_STRONG, *_SINGLE)}
    metadata = _metadata(kinds)
    if metadata:
        kinds[".parquet"] = []
    chosen = [kind for kind in _STRONG if kinds[kind]]
    if len(chosen) > 1:
        ways = " or ".join(f"--set data.path='{_pattern(folder, kinds[kind])}'" for kind in chosen)
        raise DataError(
            f"{path} holds files of several kinds, such as "
            f"{listed(shown(kinds[kind][0]) for kind in chosen)}; choose with {ways}"
        )
    # A table beside LLaVA's json is about it.
    single = kinds[".json"] or [file for kind in _SINGLE for file in kinds[kind]]
    lines = _training([file for file in files if file.suffix.lower() == ".jsonl"])
    single = single if single or not _is_series(lines) else lines
    used = kinds[chosen[0]] if chosen else single if _is_series(single) else []
    held = [file for file in files if _split(file) == "held out"]
    rest = [*(x for x in files if x not in {*used, *held, *metadata}), *hidden]
    folders = list(_other_folders(folder)) if folder.is_dir() else []
    if not used:
        raise DataError(_nothing(path, held, [*map(str, rest), *folders]))
    notes = tuple(_notes(path, metadata, held, rest, folders))
    if used == [PurePath(TRAIN)]:
        return Files((), (), notes)
    paths, warnings = _filled([folder / file for file in used])
    return Files(paths, warnings, notes)


def files_of_pattern(pattern: str, files: Sequence[Path]) -> Files:
    """The files that a pattern names, with a warning where it names other splits beside training.

    Args:
        pattern: the option data.path.
        files: the files that `gcl_spec.data.paths.expand` makes of it.
    """
    fixed = re.split(r"[*?\[{]", pattern)[0].rpartition("/")[0]
    splits = {file: _split(_below(file, fixed)) for file in files}
    held = [file for file, split in splits.items() if split == "held out"]
    paths, warnings = _filled(files)
    if held and len(held) < len(files):
        warnings = (
            *warnings,
            f"{pattern}: it names files of other splits beside those of training, and they are "
            f"trained on: {_grouped(held)}; leave them out of data.path",
        )
    elif held:
        note = f"{pattern}: files of another split than training are trained on: {_grouped(held)}"
        return Files(paths, warnings, (note,))
    return Files(paths, warnings)


def _walk(folder: Path, inner: PurePath, depth: int = 0) -> Iterator[PurePath]:
    """The files of kinds of data in the folder, and in those below that hold splits."""
    with _entries(folder / inner) as entries:
        for entry in entries:
            if entry.is_dir():
                reads = entry.name in _FOLDERS or split_of(entry.name)
                if reads and entry.name not in _NOT_DATA and depth < _DEPTH:
                    yield from _walk(folder, inner / entry.name, depth + 1)
            elif PurePath(entry.name).suffix.lower() in _SUFFIXES and entry.name != "images.zip":
                yield inner / entry.name


@contextmanager
def _entries(folder: Path) -> Iterator[Iterator[os.DirEntry[str]]]:
    try:
        with os.scandir(folder) as entries:
            yield entries
    except OSError as error:
        raise DataError(f"{folder}: cannot read the folder: {reason(error)}") from error


def _other_folders(folder: Path) -> Iterator[str]:
    """Patterns of files in folders that are not read."""
    for entry in sorted(os.scandir(folder), key=lambda entry: entry.name):
        if not entry.is_dir() or entry.name in _NOT_DATA | _FOLDERS:
            continue
        if split_of(entry.name) or entry.name.startswith("."):
            continue
        try:
            with os.scandir(entry.path) as inner:
                ends = {PurePath(file.name).suffix.lower() for file in islice(inner, _PEEK)}
        except OSError:
            continue
        yield from (f"{entry.name}/*{end}" for end in sorted(ends & {".jsonl", ".parquet", ".tar"}))


def _of_kind(files: Iterable[PurePath], kind: str) -> list[PurePath]:
    kind_files = [file for file in files if file.suffix.lower() == kind]
    if kind in (".jsonl", ".npz"):
        return [file for file in kind_files if file == PurePath(f"train{kind}")]
    return [file for file in kind_files if not file.name.endswith(_NO_SAMPLES)]


def _training(files: list[PurePath]) -> list[PurePath]:
    """The files of the training split, or else of no split; the outermost of several folders."""
    for split in ("training", ""):
        split_files = [file for file in files if _split(file) == split]
        depth = min((len(file.parts) for file in split_files), default=0)
        if split_files:
            return [file for file in split_files if len(file.parts) == depth]
    return []


def _is_series(files: Sequence[PurePath]) -> bool:
    """Are these one file, or several whose names differ in digits alone, such as part-000.csv?

    A single file of lines is no series, because it may hold anything.
    """
    names = {re.sub(r"\d+", "", str(file)) for file in files}
    alone = len(files) == 1 and files[0].suffix.lower() != ".jsonl"
    return len(names) == 1 and (alone or len(files) > 1)


def _split(file: PurePath) -> str:
    """ "training", "held out" or "", by the words of the file's name, else of its folders.

    >>> [_split(PurePath(x)) for x in ("cc-train-0.tar", "coco_val2017.tar", "val/0.tar", "0.tar")]
    ['training', 'held out', 'held out', '']
    """
    splits = map(split_of, reversed((*file.parts[:-1], file.stem)))
    return next(filter(None, splits), "")


def _metadata(kinds: dict[str, list[PurePath]]) -> list[PurePath]:
    """Parquet files that stand beside tar files of the same names, as img2dataset writes them."""
    shards = {file.with_suffix("") for file in kinds[".tar"]}
    tables = kinds[".parquet"]
    return tables if all(file.with_suffix("") in shards for file in tables) else []


def _filled(files: Sequence[Path]) -> tuple[tuple[Path, ...], tuple[str, ...]]:
    """The files that are not empty, and a warning where some of several are."""
    empty = [file for file in files if file.is_file() and not file.stat().st_size]
    kinds = {file.suffix.lower() for file in files}
    if not empty or len(empty) == len(files) or len(kinds) > 1:
        return tuple(files), ()
    warning = f"files of 0 bytes are not read: {_grouped(empty)}; download them again"
    return tuple(file for file in files if file not in empty), (warning,)


def _notes(
    path: str,
    metadata: Sequence[PurePath],
    held: Sequence[PurePath],
    rest: Sequence[PurePath],
    folders: Sequence[str],
) -> Iterator[str]:
    if metadata:
        yield (
            f"{path}: not read, as what img2dataset knows of the pictures in the .tar files of the "
            f"same names: {_grouped(metadata)}"
        )
    if held:
        yield f"{path}: files of other splits, which are not trained on: {_grouped(held)}"
    if rest:
        yield f"{path}: files that are not used: {_grouped(rest)}"
    if folders:
        yield f"{path}: folders that are not read: {listed(map(shown, folders))}"


def _nothing(path: str, held: Sequence[PurePath], rest: Sequence[str]) -> str:
    if held:
        return (
            f"{path} holds files of other splits than training alone: {_grouped(held)}; to train "
            f"on them, name them: --set data.path='{_pattern(Path(path), held)}'"
        )
    if not rest:  # there are only other things, such as pictures
        rest = sorted(entry.name for entry in islice(os.scandir(path), _PEEK))
    there = f"; there are {listed(shown(name, _NAME) for name in rest)}" if rest else ""
    if all((Path(path) / name).is_file() for name in ("config.toml", "metrics.jsonl")):
        there += "; it is the folder of a run: name the data that it was trained on"
    packed = any(name.lower().endswith(_PACKED) for name in rest)
    other = next((name for name in rest if name.lower().endswith((*_OTHERS, *_RECORDS))), None)
    if other is not None:
        there += f"; {shown(other, _NAME)} is {kind_of(Path(path) / other)}"
    return (
        f"{path}: no {TRAIN}, *.parquet, *.tar, train.npz or single *.json, *.csv or *.tsv in this "
        f"folder{there}; "
        + ("unpack what is compressed, or " if packed else "")
        + "name the files with --set data.path=..."
    )


def _pattern(folder: Path, files: Sequence[PurePath]) -> str:
    """A pattern for data.path that names these files, or the one file."""
    first = files[0]
    return str(folder / (first if len(files) == 1 else first.with_name(f"*{first.suffix}")))


def _grouped(files: Sequence[PurePath]) -> str:
    """The first three files of each kind, and how many more there are.

    >>> _grouped([PurePath(f"{n}.json") for n in range(5)] + [PurePath("a.tar")])
    "'0.json', '1.json', '2.json' and 2 more .json, 'a.tar'"
    """
    groups: dict[str, list[PurePath]] = {}
    for file in files:
        groups.setdefault(file.suffix, []).append(file)
    texts = []
    for end, group in groups.items():
        more = f" and {len(group) - _FIRST:,} more {end}" if len(group) > _FIRST else ""
        texts.append(", ".join(shown(file, _NAME) for file in group[:_FIRST]) + more)
    return listed(texts)


def _below(file: Path, fixed: str) -> PurePath:
    """The part of a path that a pattern leaves open, and the name in any case."""
    return file.relative_to(fixed) if fixed and file.is_relative_to(fixed) else PurePath(file.name)
