"""Finds out which kind of data lies at a path, and opens it."""

import os
from collections.abc import Collection, Sequence
from pathlib import Path

from gcl_spec._files.reading import is_folder
from gcl_spec.config.cache_folder import cache_folder
from gcl_spec.config.options import Config, DataConfig
from gcl_spec.data.files import TRAIN, Files, files_of_folder, files_of_pattern
from gcl_spec.data.formats.columns import find_columns
from gcl_spec.data.formats.composed import NO_TRIPLETS, ComposedSource
from gcl_spec.data.formats.covr_triplets import CovrTriplets, is_covr
from gcl_spec.data.formats.folder import JsonlSource
from gcl_spec.data.formats.joined import NearestRoot, joined
from gcl_spec.data.formats.llava import LlavaSource
from gcl_spec.data.formats.sidecars import SidecarSource, videos_in
from gcl_spec.data.formats.tar import TarSource
from gcl_spec.data.formats.text_table import TextTableSource
from gcl_spec.data.formats.vista_triplets import VistaTriplets, holds_triplets, triplet_files
from gcl_spec.data.names import shown
from gcl_spec.data.other_kinds import check_pointer, kind_of
from gcl_spec.data.paths import expand
from gcl_spec.data.root import FolderRoot, Root, open_root, pictures_root
from gcl_spec.data.source import Source
from gcl_spec.errors import DataError
from gcl_spec.objective import given_names

__all__ = ["TRAIN", "data_root", "open_source", "source_of"]

PAIR = ("image", "text")
_ZIPPED = "images.zip"
_LINES = frozenset((".jsonl", ".json", ".csv", ".tsv"))
_KINDS = (".parquet", ".tar", ".npz", ".json", ".jsonl", ".zip", ".csv", ".tsv")


def source_of(config: Config) -> Source:
    """The samples at `config.data.path`, as the objective of the config takes them.

    With `triplets` MMEB's rows are composed triplets; else they are pairs of a picture and a text.

    Raises:
        DataError: `open_source` refuses the data.
    """
    composed = config.objective.preset == "triplets"
    return open_source(config.data, given_names(config.model.modalities), composed=composed)


def open_source(data: DataConfig, given: Sequence[str] = PAIR, *, composed: bool = False) -> Source:
    """The samples at `data.path`, by the kind of data that lies there.

    starter                        the starter set
    a zip                          its train.jsonl
    a folder                       its train.jsonl, *.parquet, *.tar, train.npz or one *.json, with
                                   the pictures in images/ or images.zip; see `files_of_folder`
    a .jsonl, .json or .npz file   lines as in train.jsonl; the LLaVA-pretrain layout; vectors
    a .csv or .tsv file            with a header line, as open_clip's
    .parquet or .tar files         one, or several by `{00000..00003}`, `{a,b}`, `*`
    a folder of videos             with captions beside them, where the model takes videos

    Parquet files whose picture and text columns are lists of floats are vectors; those with the
    columns of MMEB's training rows are read as these. Lines of VISTA's second stage, and rows of
    WebVid-CoVR, are composed triplets, whether they are wanted or not.

    Args:
        data: the options of the data.
        given: the modalities that samples may have; vectors alone have others than pictures, texts
            and videos.
        composed: composed triplets are wanted, where the data can be read as such.

    Raises:
        DataError: nothing is there, or it is none of these, or unusable.
    """
    root = data_root(data.path)
    if "video" in given and (videos := videos_in(data.path)):
        return SidecarSource(root, videos)
    lines = triplet_files(data.path)
    files = Files(lines) if lines else _files(data.path)
    source = _open(data, root, files.paths, given, composed=composed)
    if composed and not isinstance(source, ComposedSource):
        warning = f"{source.name}: no composed triplets: {NO_TRIPLETS}"
        source.warnings = (*source.warnings, warning)
    source.warnings = (*files.warnings, *source.warnings)
    source.notes = (*files.notes, *source.notes)
    if data.images and {path.suffix.lower() for path in files.paths} & {".tar", ".npz"}:
        note = f"data.images = {data.images!r} is not used: {source.name} names no files"
        source.notes = (*source.notes, note)
    return source


def _open(
    data: DataConfig,
    root: Root,
    files: Sequence[Path],
    given: Sequence[str],
    *,
    composed: bool = False,
) -> Source:
    images = pictures_root(data.images, root) if data.images else root
    suffixes = {path.suffix.lower() for path in files}
    _check_suffixes(data, suffixes, len(files))
    if suffixes == {".jsonl"} and holds_triplets(files, wanted=composed):
        return VistaTriplets(files, images if data.images else FolderRoot(files[0].parent))
    if len(files) > 1 and suffixes <= _LINES:
        return joined(lambda file: _open(data, root, [file], given), files)
    if files and is_folder(data.path) and not data.images:
        images = _nearest(root, files[0].parent)
    match suffixes.pop() if suffixes else ".jsonl":
        case ".jsonl":
            if files:
                root = FolderRoot(files[0].parent)
            return JsonlSource(root, _name(files), images, data.columns, given)
        case ".zip":
            _check_top(root)
            return JsonlSource(root, TRAIN, images, data.columns, given)
        case ".json":
            images = images if data.images or images is not root else _beside(root)
            return LlavaSource(FolderRoot(files[0].parent), files[0].name, images, given)
        case ".tar":
            return TarSource(files, cache_folder(data), given)
        case ".csv" | ".tsv":
            return _table(files[0], data, images, given)
        case ".npz":
            from gcl_spec.data.formats.read_vectors import read_npz

            return read_npz(files[0], data.columns, given)
        case _:
            return _parquet(files, data, images, given, composed=composed)


def _check_suffixes(data: DataConfig, suffixes: Collection[str], count: int) -> None:
    """Raise a `DataError` for files of several kinds, or of one whose columns have no names."""
    if len(suffixes) > 1 or (count > 1 and not {*suffixes} <= {".parquet", ".tar", *_LINES}):
        raise DataError(
            f"{data.path!r} names {count} files; wanted files of one kind: parquet files, tar "
            "shards, or .jsonl, .json, .csv or .tsv"
        )
    if {*suffixes} & {".json", ".tar"} and data.columns.chosen():
        option, name = next(iter(data.columns.chosen().items()))
        raise DataError(
            f"data.columns.{option} = {name!r} names no part of {data.path!r}: only columns of "
            "tables, arrays and keys of train.jsonl have names to choose; drop the option"
        )


def _table(file: Path, data: DataConfig, images: Root, given: Sequence[str]) -> Source:
    if is_covr(file):
        return CovrTriplets(file, images, given)
    return TextTableSource(file, data.columns, images, given)


def _name(files: Sequence[Path]) -> str:
    return files[0].name if files else TRAIN


def _check_top(root: Root) -> None:
    """Raise a `DataError` where an archive has its samples in a folder inside of it."""
    inner = [name for name in root.folders("") if root.exists(f"{name}/{TRAIN}")]
    if inner and not root.exists(TRAIN):
        raise DataError(
            f"{root.name}: {TRAIN} lies in a folder of the archive, {shown(inner[0])}; "
            "pack what is in the folder, or unpack the archive and name the folder"
        )


def _nearest(root: Root, folder: Path) -> Root:
    """The root of a file's pictures, whose paths begin at the data, or at the file's own folder."""
    inner = os.path.relpath(folder, root.name)
    return root if inner == "." else NearestRoot(root, inner)


def _beside(root: Root) -> Root:
    """The root of pictures that no option names: images.zip, as LCS-558K is downloaded."""
    has_folder = "images" in root.folders("")
    return root if has_folder or not root.exists(_ZIPPED) else open_root(Path(root.name) / _ZIPPED)


def data_root(path: str) -> Root:
    """The root of pictures and tasks: the starter set, a folder, a zip, or the files' folder."""
    kind = Path(path).suffix.lower()
    single = kind not in _KINDS and not set(path) & set("*?[{")
    if path == "starter" or is_folder(path) or single or kind == ".zip":
        return open_root(path)
    return FolderRoot(expand(path)[0].parent)


def _files(path: str) -> Files:
    """The files of samples; none for the train.jsonl of the starter set or a folder."""
    if path == "starter":
        return Files(())
    if is_folder(path):
        files = files_of_folder(path)
        root = FolderRoot(Path(path))
        for file in files.paths:  # the folder names these, not the user
            root.check(str(file.relative_to(path)))
        _check_pointers(files.paths)
        return files
    paths = expand(path)
    for file in paths:
        if file.suffix.lower() not in _KINDS:
            what = kind_of(file) or f"not one of the kinds {', '.join(_KINDS)}"
            raise DataError(f"{file}: {what}")
    _check_pointers(paths)
    return files_of_pattern(path, paths)


def _check_pointers(files: Sequence[Path]) -> None:
    for file in files:
        # A pointer has some 130 bytes.
        pointer = check_pointer(file) if file.stat().st_size < 1024 else ""
        if pointer:
            raise DataError(f"{file}: {pointer}")


def _parquet(
    files: Sequence[Path],
    data: DataConfig,
    images: Root,
    given: Sequence[str],
    *,
    composed: bool,
) -> Source:
    from gcl_spec.data.formats.mmeb import MmebSource, is_mmeb
    from gcl_spec.data.formats.mmeb_triplets import MmebTriplets
    from gcl_spec.data.formats.parquet import ParquetSource
    from gcl_spec.data.formats.parquet_table import ParquetTable

    table = ParquetTable(files)
    names = table.names
    if is_mmeb(names) and not data.columns.chosen():
        return MmebTriplets(table, images) if composed else MmebSource(table, images)
    columns = find_columns(str(files[0]), names, data.columns, given=given)
    held = (columns.image, columns.text, *columns.others.values())
    used = [name for name in held if name is not None]
    for name in (*used, columns.id, columns.concept):
        if name is not None:
            table.check(name, optional=name not in {*used, *data.columns.chosen().values()})
    kinds = [table.type_of(name) for name in used]
    if kinds and all(_is_vector(kind) for kind in kinds):
        from gcl_spec.data.formats.read_vectors import read_vectors

        return read_vectors(table, data.columns, given)
    return ParquetSource(table, data.columns, images, given)


def _is_vector(kind: str) -> bool:
    """Is a type of Arrow one of lists of floats?

    >>> _is_vector("list<element: float>"), _is_vector("list<element: string>")
    (True, False)
    """
    inner = kind.partition(": ")[2]
    return "list<" in kind and inner.startswith(("float", "double", "halffloat"))
