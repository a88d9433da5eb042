"""Training data in the layouts that people have it in."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from glob import glob
from pathlib import Path
from typing import Any

from gcl_spec.cache import cache_folder
from gcl_spec.config import DataConfig
from gcl_spec.data.pairs import Sample, read_samples
from gcl_spec.data.parquet import read_parquet
from gcl_spec.data.root import FolderRoot, Root, open_root
from gcl_spec.data.tar import read_tars
from gcl_spec.errors import DataError

__all__ = ["Source", "expand_braces", "open_source"]

_TRAIN = "train.jsonl"


@dataclass(frozen=True, slots=True)
class Source:
    """Samples, and the place that their pictures are read from."""

    root: Root
    samples: Sequence[Sample]
    listing: str
    """What lists the samples, for messages."""


def open_source(config: DataConfig) -> Source:
    """What `data.path` names.

    - "starter", or a folder or zip archive with train.jsonl: see `gcl_spec.data.pairs`.
    - A .json file: a list of {"id", "image", "conversations"}, as LLaVA's pretraining set has it;
      the answers are captions, the pictures lie beside the file.
    - Parquet files: one, a folder of them, or a glob; see `gcl_spec.data.parquet`.
    - Tar shards as img2dataset and webdataset write them: one, a folder of them, a glob, or a range
      such as shards/{00000..00015}.tar; see `gcl_spec.data.tar`.

    Raises:
        DataError: nothing of these, or a malformed record, named by file and place.
    """
    path = config.path
    if path == "starter" or (Path(path) / _TRAIN).is_file() or path.endswith(".zip"):
        root = open_root(path)
        return Source(root, read_samples(root, _TRAIN), _TRAIN)
    if path.endswith(".json") and Path(path).is_file():
        return _read_llava(Path(path))
    files = _files(path)
    kinds = {file.suffix for file in files}
    if kinds == {".parquet"}:
        columns = (config.image_column, config.caption_column)
        return Source(*read_parquet(files, *columns), listing=path)
    if kinds == {".tar"}:
        return Source(*read_tars(files, cache_folder(config)), listing=path)
    raise DataError(
        f"data.path = {path!r}: no training data there; wanted 'starter', a folder or zip archive "
        "with train.jsonl, a .json list as LLaVA has it, or .parquet or .tar files"
    )


def expand_braces(path: str) -> list[str]:
    """A path with one range of numbers, such as a-{08..10}.tar, as all of its paths.

    >>> expand_braces("a-{08..10}.tar")
    ['a-08.tar', 'a-09.tar', 'a-10.tar']
    """
    found = re.search(r"\{(\d+)\.\.(\d+)\}", path)
    if found is None:
        return [path]
    first, last = found.groups()
    numbers = range(int(first), int(last) + 1)
    return [f"{path[: found.start()]}{n:0{len(first)}d}{path[found.end() :]}" for n in numbers]


def _files(path: str) -> list[Path]:
    if Path(path).is_dir():
        inside = sorted(Path(path).iterdir())
        return [p for p in inside if p.suffix in (".parquet", ".tar")]
    listed = expand_braces(path)
    if len(listed) > 1:
        missing = [name for name in listed if not Path(name).is_file()]
        if missing:
            raise DataError(f"data.path = {path!r}: {len(missing)} missing, such as {missing[0]}")
        return [Path(name) for name in listed]
    return [Path(name) for name in sorted(glob(path))]  # noqa: PTH207


def _read_llava(path: Path) -> Source:
    try:
        records = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise DataError(f"{path}: cannot read the list: {error}") from error
    if not isinstance(records, list):
        raise DataError(f"{path}: wanted a list of records")
    samples = {}
    for n, record in enumerate(records):
        sample = _llava_sample(record, f"{path}: record {n}")
        if sample.id in samples:
            raise DataError(f"{path}: record {n}: id {sample.id!r} stands earlier too")
        samples[sample.id] = sample
    if not samples:
        raise DataError(f"{path} holds no sample")
    return Source(FolderRoot(path.parent), tuple(samples.values()), path.name)


def _llava_sample(record: Any, place: str) -> Sample:
    if not isinstance(record, dict) or not isinstance(record.get("conversations"), list):
        raise DataError(f"{place}: wanted an object with 'id' and 'conversations'")
    name, image = record.get("id"), record.get("image")
    if not isinstance(name, str | int) or not (image is None or isinstance(image, str)):
        raise DataError(f"{place}: 'id' must be a text, 'image' a path")
    turns = record["conversations"]
    if not all(isinstance(t, dict) and isinstance(t.get("value"), str) for t in turns):
        raise DataError(f"{place}: every turn of 'conversations' has 'from' and a text 'value'")
    said = [t["value"].replace("<image>", "").strip() for t in turns if t.get("from") == "gpt"]
    captions = tuple(text for text in said if text)
    if image is None and not captions:
        raise DataError(f"{place}: neither image nor an answer")
    return Sample(str(name), image, captions, captions[0] if captions else str(name))
