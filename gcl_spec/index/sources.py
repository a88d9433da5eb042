"""Opens the items that a user names: a folder of pictures, training data, or tasks."""

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from gcl_spec._files.reading import is_folder, parse_json
from gcl_spec.config.options import ColumnsConfig, Config, DataConfig
from gcl_spec.data.files import files_of_folder
from gcl_spec.data.formats.vectors import VectorCollator, VectorSource
from gcl_spec.data.open import open_source
from gcl_spec.data.prepare.collate import Collate, Collator, Reader
from gcl_spec.data.root import FolderRoot
from gcl_spec.embed.entry import Contents, Entry, Listing
from gcl_spec.errors import DataError
from gcl_spec.index.about import Origin
from gcl_spec.index.folder import PICTURES, FolderListing
from gcl_spec.index.items import Items
from gcl_spec.objective import given_names
from gcl_spec.run.listings import SampleListing, TaskListing
from gcl_spec.run.to_embed import Described, tasks_of
from gcl_spec.tasks.folder import folder_of_tasks

__all__ = ["KINDS", "items_of", "origin_of", "reader_of"]

KINDS = ("pictures", "train", "tasks")
_PART = 65_536


def origin_of(
    path: str, kind: str | None, data: DataConfig, *, benchmark: str = "", prefix: str = ""
) -> Origin:
    """The place that a user names.

    Args:
        path: as in `data.path`, or a folder of pictures.
        kind: of `KINDS`; None: what lies there.
        data: the options of the data that the run was trained on.
        benchmark: the name of the format of tasks, or "".
        prefix: stands before each id.

    Raises:
        DataError: nothing lies there that could be read.
    """
    where = path if path == "starter" else str(Path(path).resolve())
    chosen = kind or ("tasks" if benchmark else _kind_at(path))
    if chosen == "pictures":
        if not is_folder(path):
            raise DataError(f"{path} is no folder of pictures")
        return Origin(chosen, where, prefix=prefix)
    options: dict[str, Any] = {"benchmark": benchmark} if benchmark else {}
    if data.images:
        options["images"] = str(Path(data.images).resolve())
    if columns := data.columns.chosen():
        options["columns"] = columns
    text = json.dumps(options, sort_keys=True) if options else ""
    return Origin(chosen, where, text, prefix)


def items_of(origin: Origin, config: Config) -> Items:
    """The items of a place, and how they are read.

    Args:
        origin: the place.
        config: the options of the run.

    Raises:
        DataError: it cannot be read, or nothing is there.
    """
    if origin.kind == "pictures":
        folder = Path(origin.path)
        if not folder.is_dir():
            raise DataError(f"no folder {origin.path}; was it moved? name its new place")
        contents = Contents(FolderRoot(folder))
        pictures = FolderListing(folder, origin.prefix)
        collator = Collator(config, contents)
        return Items(origin, pictures, collator, contents, closed=pictures.closed)
    listing: Listing
    if origin.kind == "tasks":
        tasks, reader = tasks_of(_described(origin))
        contents = Contents(reader)
        listing = _Prefixed(_Candidates(TaskListing(tasks, roles=True)), origin.prefix)
        notes = tuple(note for task in tasks for note in task.notes)
        return Items(origin, listing, Collator(config, contents), contents, notes)
    source = open_source(_data(origin, config.data), given_names(config.model.modalities))
    listing = _Prefixed(SampleListing(source), origin.prefix)
    notes = (*source.warnings, *source.notes)
    if isinstance(source, VectorSource):
        contents = Contents(source, lambda name, row: source.row(name, row).tobytes())
        return Items(origin, listing, VectorCollator(source), contents, notes)
    contents = Contents(source)
    collate: Collate = Collator(config, contents)
    return Items(origin, listing, collate, contents, notes)


def reader_of(origin: Origin) -> Reader | None:
    """What reads the pictures of a place's items; None where they have none.

    Raises:
        DataError: the place cannot be read any more.
    """
    if origin.kind == "pictures":
        return FolderRoot(Path(origin.path))
    if origin.kind == "tasks":
        return tasks_of(_described(origin))[1]
    if origin.kind == "train":
        source = open_source(_data(origin, DataConfig()))
        return None if isinstance(source, VectorSource) else source
    return None


def _kind_at(path: str) -> str:
    """What lies at a path: a folder of pictures, unless it is laid out as training data."""
    if not is_folder(path):
        return "train"
    folder = Path(path)
    try:
        files = files_of_folder(path).paths
    except DataError:
        return "pictures" if folder_of_tasks(FolderRoot(folder)) is None else "tasks"
    beside = {x.stem for x in folder.iterdir() if x.suffix.lower() in PICTURES}
    captions = files and all(x.suffix == ".json" and x.stem in beside for x in files)
    return "pictures" if captions else "train"


def _described(origin: Origin) -> Described:
    return Described(origin.path, _options(origin).get("benchmark", ""), items="tasks")


def _data(origin: Origin, data: DataConfig) -> DataConfig:
    """The options of the data, those of the run but for the path."""
    options = _options(origin)
    columns = ColumnsConfig(**options.get("columns", {}))
    images = options.get("images", "")
    return replace(data, path=origin.path, images=images, columns=columns)


def _options(origin: Origin) -> Mapping[str, Any]:
    options: Mapping[str, Any] = parse_json(origin.options) if origin.options else {}
    return options


class _Candidates:
    """A `Listing` of those entries of another one that are candidates, which a search finds."""

    def __init__(self, listing: Listing) -> None:
        self._listing = listing
        parts = (slice(n, n + _PART) for n in range(0, len(listing), _PART))
        self._numbers = [
            part.start + n
            for part in parts
            for n, entry in enumerate(listing.entries(part))
            if entry.role != "query"
        ]

    def __len__(self) -> int:
        return len(self._numbers)

    def entries(self, part: slice, /) -> list[Entry]:
        numbers = self._numbers[part]
        if not numbers:
            return []
        span = self._listing.entries(slice(numbers[0], numbers[-1] + 1))
        return [span[n - numbers[0]]._replace(role="") for n in numbers]


class _Prefixed:
    """A `Listing` with a prefix before each id."""

    def __init__(self, listing: Listing, prefix: str) -> None:
        self._listing, self._prefix = listing, prefix

    def __len__(self) -> int:
        return len(self._listing)

    def entries(self, part: slice, /) -> list[Entry]:
        return [x._replace(id=self._prefix + x.id) for x in self._listing.entries(part)]
