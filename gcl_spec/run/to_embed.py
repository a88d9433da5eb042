"""What `gcl embed` embeds: which items of which data, by which model."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import NamedTuple

from gcl_spec._files.checksum import checksum
from gcl_spec._files.reading import is_folder, read_regular
from gcl_spec._typing import State
from gcl_spec.config.options import Config
from gcl_spec.data.features.keys import image_tower_key, text_tower_key
from gcl_spec.data.formats.vectors import VectorCollator, VectorSource
from gcl_spec.data.open import TRAIN, open_source
from gcl_spec.data.prepare.collate import Collate, Collator, Reader
from gcl_spec.data.prepare.recipes import preprocessing_of
from gcl_spec.data.root import open_root
from gcl_spec.data.sample import Sample
from gcl_spec.data.source import Source, row_of
from gcl_spec.embed.entry import Contents, Listing
from gcl_spec.embed.maker import Maker
from gcl_spec.errors import DataError
from gcl_spec.evaluate.calibrations.known import Chain
from gcl_spec.models.pretrained import clip_folder
from gcl_spec.models.vista_files import vista_files
from gcl_spec.objective import given_names
from gcl_spec.run.listings import SampleListing, TaskListing
from gcl_spec.run.weights import weights_to_use
from gcl_spec.tasks import mbeir
from gcl_spec.tasks.folder import folder_of_tasks, read_tasks
from gcl_spec.tasks.formats import format_of
from gcl_spec.tasks.parquet_pictures import ParquetPictures
from gcl_spec.tasks.task import Task

__all__ = ["Data", "Described", "data_of", "local_config", "maker_of", "tasks_of"]

_SOME = 1000
# Processes divide the batch of a training; here there is none, so that any number of them does.
_DIVISIBLE = 720_720


class Described(NamedTuple):
    """Data as a user names it.

    path: as in `data.path`. benchmark: the name of the format in which it lies, or "".
    instructions: M-BEIR's. items: "tasks" or "train", or "" for the tasks where there are some.
    """

    path: str
    benchmark: str = ""
    instructions: bool = False
    items: str = ""

    def to_json(self) -> dict[str, str]:
        """Texts by name, of which `from_json` makes it again."""
        texts = {"data": self.path, "benchmark": self.benchmark, "items": self.items}
        return {**texts, "instructions": "on" if self.instructions else "off"}

    @classmethod
    def from_json(cls, record: Mapping[str, str]) -> "Described":
        """The data that `to_json` wrote; what is missing has its default."""
        on = record.get("instructions") == "on"
        benchmark, items = record.get("benchmark", ""), record.get("items", "")
        return cls(record.get("data", ""), benchmark, on, items)


class Data(NamedTuple):
    """Items to embed, and how they are read."""

    described: Described
    listing: Listing
    collate: Collate
    contents: Contents
    notes: tuple[str, ...]


def tasks_of(described: Described) -> tuple[tuple[Task, ...], Reader]:
    """The tasks of data, and where their pictures lie.

    Raises:
        DataError: there is none, or one is malformed.
    """
    root = open_root(described.path)
    if not described.benchmark:
        return read_tasks(root, folder_of_tasks(root) or ""), root
    if described.instructions:
        return mbeir.read(root, instructions=True), ParquetPictures(root)
    return format_of(described.benchmark).read(root), ParquetPictures(root)


def data_of(config: Config, described: Described, *, roles: bool = False) -> Data:
    """The items of data.

    Args:
        config: the options of the run, of which those of the data are used, but for its path.
        described: the data.
        roles: tell queries from candidates; samples are then candidates.

    Raises:
        DataError: it cannot be read.
    """
    has_tasks = bool(described.benchmark) or _has_tasks(described.path)
    if config.model.kind == "adapter":
        has_tasks = False
    chosen = bool(described.items or described.benchmark)
    which = described.items or ("tasks" if has_tasks else "train")
    described = described._replace(items=which)
    if which == "tasks":
        tasks, root = tasks_of(described)
        contents = Contents(root)
        notes = tuple(note for task in tasks for note in task.notes)
        if not chosen and open_root(described.path).exists(TRAIN):
            notes += (f"its tasks are embedded; --items train embeds the samples of its {TRAIN}",)
        return Data(
            described, TaskListing(tasks, roles=roles), Collator(config, contents), contents, notes
        )
    source = open_source(
        replace(config.data, path=described.path), given_names(config.model.modalities)
    )
    listing, notes = (
        SampleListing(source, "candidate" if roles else ""),
        (*source.warnings, *source.notes),
    )
    if isinstance(source, VectorSource):
        contents = Contents(source, lambda name, row: source.row(name, row).tobytes())
        return Data(described, listing, VectorCollator(source), contents, notes)
    if config.model.kind == "adapter":
        raise DataError(f"{described.path!r} holds no vectors, which a run of an adapter takes")
    if _has_further_captions(source):
        notes += ("samples have several captions: a row is that of the picture with the first one",)
    contents = Contents(source)
    return Data(described, listing, Collator(config, contents), contents, notes)


def local_config(config: Config) -> Config:
    """The options for a model that each process has for itself, whole."""
    alone = replace(
        config.train, shard=False, compile=False, devices=1, batch_size=_DIVISIBLE, microbatch=0
    )
    return replace(config, train=alone)


def maker_of(
    config: Config,
    state: State,
    name: str,
    *,
    backend: str,
    dtype: str,
    size: int,
    calibration: Chain | None = None,
) -> Maker:
    """What makes the rows of a run.

    Args:
        config: its options.
        state: its checkpoint.
        name: its name, for messages.
        backend: the name of the backend.
        dtype: "float32" or "float16".
        size: the items of a shard.
        calibration: what is applied to the rows.
    """
    arrays = {} if calibration is None else dict(calibration.arrays())
    weights = {n: x for n, x in weights_to_use(state).items() if hasattr(x, "dtype")}
    precision, batch = config.train.precision, config.eval.batch_size
    return Maker(
        model=f"{name}, step {int(state['step'])}",
        weights=checksum(weights, json.dumps(_model(config), sort_keys=True)),
        preprocessing=hashlib.sha256(_preprocessing(config).encode()).hexdigest(),
        arithmetic=f"{backend}, {precision}, {batch} at once",
        dtype=dtype,
        size=size,
        calibration="" if calibration is None else f"{calibration.name} {checksum(arrays)}",
    )


def _model(config: Config) -> dict[str, object]:
    """What the model makes of its weights: options, and files that it takes from elsewhere.

    Options at their defaults are left out, so that one which a later version adds does not make
    another model of the same weights.
    """
    usual = asdict(type(config.model)(kind=config.model.kind))
    options: dict[str, object] = {"kind": config.model.kind}
    options |= {name: x for name, x in asdict(config.model).items() if x != usual[name]}
    for name in ("path", "text_path"):  # they differ between machines
        options.pop(name, None)
    if config.model.kind == "lite":
        options["towers"] = [image_tower_key(config.model), text_tower_key(config.model)]
    if config.model.kind == "clip":
        content = read_regular(clip_folder(config) / "config.json")
        options["checkpoint"] = hashlib.sha256(content).hexdigest()
    if config.model.kind == "vista":
        files = vista_files(config)
        options["checkpoint"] = [asdict(files.settings), files.marks]
    return options


def _preprocessing(config: Config) -> str:
    return "vectors" if config.model.kind == "adapter" else preprocessing_of(config).key


def _has_tasks(path: str) -> bool:
    zipped = path.lower().endswith(".zip")
    if path != "starter" and not zipped and not is_folder(path):
        return False
    return folder_of_tasks(open_root(path)) is not None


def _has_further_captions(source: Source) -> bool:
    """Has one of the first samples several captions?"""
    rows = (row_of(source, number) for number in range(min(_SOME, len(source))))
    return any(isinstance(row, Sample) and len(row.captions) > 1 for row in rows)
