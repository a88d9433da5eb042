"""What the processes of Ray do in `gcl embed --engine ray`: some read files, others encode them.

Between them go the contents of files as they are, never pictures in pixels, which are many times
larger. A piece of a shard is what one batch of the model needs.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from gcl_spec import registry
from gcl_spec.config.options import Config
from gcl_spec.data.prepare.collate import Collator, Reader
from gcl_spec.data.sample import FILES
from gcl_spec.embed.encode_entries import EntryEncoder
from gcl_spec.embed.entry import Contents, Entry
from gcl_spec.errors import DataError
from gcl_spec.run.calibration_files import to_apply
from gcl_spec.run.folder import RunFolder
from gcl_spec.run.loaded import read_run
from gcl_spec.run.to_embed import Described, data_of, local_config
from gcl_spec.run.videos import batch_size

__all__ = ["Encodes", "Job", "Reads"]


@dataclass(frozen=True, slots=True)
class Job:
    """What is embedded, by which model; all processes find the run and the data by these paths.

    size: the items of a shard. dtype: that of the stored rows. calibration: the name of one.
    """

    run: Path
    described: Described
    config: Config
    overrides: tuple[str, ...]
    step: str
    allow_unverified: bool
    backend: str
    device: str | None
    size: int
    dtype: str
    calibration: str | None = None


class Reads:
    """Reads the files of shards.

    Args:
        job: the work.
    """

    def __init__(self, job: Job) -> None:
        self._job = job
        self._data = data_of(job.config, job.described, roles=job.calibration is not None)
        model, size = job.config.model.modalities, batch_size(job.config)
        self._pieces = EntryEncoder(Any, self._data.collate, model, size).pieces  # type: ignore[arg-type]

    def __call__(self, numbers: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        """The pieces of shards by columns, one of each in a batch."""
        for number in numbers["item"].tolist():
            start = number * self._job.size
            stop = min(start + self._job.size, len(self._data.listing))
            entries = self._data.listing.entries(slice(start, stop))
            pieces = self._pieces(entries)
            for part in pieces:
                some = entries[part]
                names = {x for entry in some for name, x in entry.content if name in FILES}
                read_files = [self._read(name) for name in sorted(names)]
                head = {"number": number, "start": part.start, "pieces": len(pieces)}
                head |= {"root": self._data.contents.name, "entries": some}
                head |= {"files": [(x, len(y), why) for x, y, why in read_files]}
                content = b"".join(data for _, data, _ in read_files)
                yield {"head": [json.dumps(head)], "content": np.asarray([content], object)}

    def _read(self, name: str) -> tuple[str, bytes, str]:
        """A file's reference, content, and why it cannot be read."""
        try:
            return name, self._data.contents.read_bytes(name), ""
        except DataError as error:
            return name, b"", str(error)


class _Handed:
    """A `Reader` of the files of one piece."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.files: dict[str, bytes | str] = {}

    def read_bytes(self, path: str, /) -> bytes:
        """The content of a file; a `DataError` where it could not be read."""
        content = self.files[path]
        if isinstance(content, str):
            raise DataError(content)
        return content


class Encodes:
    """Encodes pieces.

    Args:
        job: the work.
    """

    def __init__(self, job: Job) -> None:
        config, checkpoint = read_run(
            job.run, job.overrides, step=job.step, allow_unverified=job.allow_unverified
        )
        apply = None
        if job.calibration is not None:
            folder = RunFolder.open(job.run, allow_unverified=job.allow_unverified)
            apply = to_apply(folder, job.calibration, checkpoint, job.dtype).apply_to_parts
        made = registry.load_training(job.backend)
        device = registry.choose_device(made, job.device)
        trainer = made.trainer(local_config(config), device=device, state=checkpoint.state)
        self._handed = _Handed(job.described.path)
        handed: Reader = self._handed
        self._contents = Contents(handed)
        collate = Collator(config, self._contents)
        modalities = config.model.modalities
        self._encoder = EntryEncoder(trainer, collate, modalities, batch_size(config), apply)

    def __call__(self, pieces: Mapping[str, Any]) -> dict[str, Any]:
        """The rows of pieces by columns."""
        heads, contents = [], []
        for text, content in zip(pieces["head"], pieces["content"], strict=True):
            head = json.loads(text)
            self._contents.name = head.pop("root")  # errors name it
            self._take(head.pop("files"), bytes(content))
            entries = [_entry(x) for x in head.pop("entries")]
            rows_RD, absent = self._encoder.encode(entries, lambda count: None)
            for entry in entries:
                self._contents.of(entry)
            head |= {"shape": rows_RD.shape, "absent": absent, "count": len(entries)}
            heads.append(json.dumps({**head, "hashes": self._contents.hashes()}))
            contents.append(rows_RD.astype(np.float32).tobytes())
        return {"head": heads, "content": np.asarray(contents, object)}

    def _take(self, files: list[tuple[str, int, str]], content: bytes) -> None:
        self._contents.forget()
        self._handed.files, start = {}, 0
        for name, size, why in files:
            self._handed.files[name] = why or content[start : start + size]
            start += size


def _entry(values: Any) -> Entry:
    """An entry from its JSON."""
    name, content, why, role = values
    return Entry(name, tuple((a, b) for a, b in content), why, role)
