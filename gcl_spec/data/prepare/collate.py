"""Makes the arrays of a batch from pictures, texts and other parts of samples."""

import os
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

from gcl_spec._files.reading import read_regular, reason
from gcl_spec._typing import IntArray
from gcl_spec._words import brief
from gcl_spec.batch import Batch
from gcl_spec.config.options import Config
from gcl_spec.data.prepare.frame_cache import frame_cache
from gcl_spec.data.prepare.frame_places import is_video
from gcl_spec.data.prepare.pictures import ImageInput
from gcl_spec.data.prepare.recipes import preprocessing_of
from gcl_spec.data.prepare.video_frames import VideoFrames
from gcl_spec.data.sample import FILES
from gcl_spec.errors import DataError, InputError
from gcl_spec.models.frames import VIDEO, seen

__all__ = ["Collate", "Collator", "Items", "Reader", "assemble", "has_any", "without_bad"]

Items: TypeAlias = Mapping[str, Sequence[Any]]
"""A picture, a text, a video or a reference for each of B samples, by modality, or None."""


class Reader(Protocol):
    """Gives the files of pictures: a `Root`, by path, or a `Source`, by reference."""

    @property
    def name(self) -> str:
        """The name of the place, for errors."""
        ...

    def read_bytes(self, path: str, /) -> bytes:
        """The content of a file; a `DataError` where it cannot be read."""
        ...


class Collate(Protocol):
    """Makes a batch of B samples from their parts by modality."""

    def __call__(
        self,
        items: Items,
        ids: IntArray | None = None,
        /,
        *,
        bad: dict[str, str] | None = None,
        every: bool = False,
    ) -> Batch:
        """The batch of B samples.

        Args:
            items: B entries for each modality that samples may have, at least one modality.
            ids: (B,), equal for samples that are not each other's negatives; 0..B-1 when not given.
            bad: takes the reason for each image or video, by its path or reference, that cannot be
                read; the sample is then present in no modality. Without it that is an error.
            every: have inputs of every modality in `items`, even of one that no sample has.

        Raises:
            DataError: an image or a video cannot be read.
            InputError: the model takes no inputs of a modality.
        """
        ...


class Collator:
    """A `Collate` that gives pixels and tokens.

    A picture that is named by the file of a video is the frame in its middle.

    Args:
        config: the options of the run.
        root: where an image or video that is a string is looked up; without it that is a path.
        threads: how many decode at a time; with 1 the calling thread does.
    """

    def __init__(self, config: Config, root: Reader | None = None, *, threads: int = 4) -> None:
        self._root = root
        self._preprocessing = preprocessing_of(config)
        self._taken = seen(config.model)
        cache = frame_cache(config.data)
        self._videos = VideoFrames(self._preprocessing, config.model.frames, cache)
        self._count = config.model.frames
        # Threads help, because Pillow decodes and resizes without Python's lock, and so does PyAV.
        self._threads = threads
        self._pool: tuple[int, ThreadPoolExecutor] | None = None

    def __call__(
        self,
        items: Items,
        ids: IntArray | None = None,
        /,
        *,
        bad: dict[str, str] | None = None,
        every: bool = False,
    ) -> Batch:
        """A batch of pixels and tokens; its arguments are those of `Collate.__call__`."""
        for name in items:
            if name not in self._taken:
                raise InputError(
                    f"samples with {name!r}: this model takes {' and '.join(self._taken)} (an "
                    "adapter takes vectors of any modality)"
                )
        inputs: dict[str, npt.NDArray[np.generic]] = {}
        decoded = {name: self._decode(name, items.get(name, ()), bad) for name in FILES}
        items = without_bad(items, bad)
        for name, arrays in decoded.items():
            if has_any(items, name, every):
                kind = self._preprocessing.image_input.partition("/")[2]
                inputs[f"{name}/{kind}"] = np.stack(arrays)
        if has_any(items, "text", every):
            inputs |= self._preprocessing.texts([text or "" for text in items["text"]])
        return assemble(inputs, items, ids)

    def read(self, image: ImageInput) -> ImageInput:
        """The file's content where `image` is a path under the root; else `image` itself."""
        if self._root is not None and isinstance(image, str):
            return self._root.read_bytes(image)
        return image

    def _decode(
        self, name: str, entries: Sequence[ImageInput | None], bad: dict[str, str] | None
    ) -> list[npt.NDArray[np.generic]]:
        make = self._frames if name == VIDEO else self._pixels

        def one(entry: ImageInput | None) -> npt.NDArray[np.generic]:
            try:
                return make(entry)
            except DataError as error:
                if bad is None or not isinstance(entry, str):
                    raise
                bad[entry] = str(error)
                return make(None)

        done: Iterable[npt.NDArray[np.generic]]
        done = map(one, entries) if self._threads == 1 else self._executor().map(one, entries)
        return list(done)

    def _executor(self) -> ThreadPoolExecutor:
        """The threads of this process: a forked one has none of those of its parent."""
        process = os.getpid()
        if self._pool is None or self._pool[0] != process:
            self._pool = process, ThreadPoolExecutor(self._threads)
        return self._pool[1]

    def _pixels(self, image: ImageInput | None) -> npt.NDArray[np.generic]:
        if image is None:
            return self._preprocessing.blank()
        where = self._where(image, "image")
        if isinstance(image, str | Path) and is_video(str(image)):
            frame = self._videos.middle(self._content(image, where), where)
            return self._preprocessing.values(frame)
        return self._preprocessing.image(self.read(image), where)

    def _frames(self, video: ImageInput | None) -> npt.NDArray[np.generic]:
        """The frames of a video, (F, ...) as a picture is."""
        if video is None:
            blank = self._preprocessing.blank()
            return np.zeros((self._count, *blank.shape), blank.dtype)
        where = self._where(video, VIDEO)
        frames = self._videos.spread(self._content(video, where), where)
        return np.stack([self._preprocessing.values(frame) for frame in frames])

    def _content(self, video: ImageInput, where: str) -> bytes:
        file = self.read(video)
        if isinstance(file, str | Path):
            try:
                return read_regular(Path(file))
            except OSError as error:
                raise DataError(f"{where}: cannot read it: {reason(error)}") from error
        if not isinstance(file, bytes):
            raise InputError(
                f"{where} is a {type(file).__name__}; wanted a path, or a file's bytes"
            )
        return file

    def _where(self, entry: ImageInput, name: str) -> str:
        place = brief(entry) if isinstance(entry, str) or hasattr(entry, "parts") else name
        return f"{self._root.name}: {place}" if self._root is not None else place


def without_bad(items: Items, bad: Mapping[str, str] | None) -> Items:
    """The items with None for all parts of each sample whose image or video is in `bad`."""
    files = [items[name] for name in FILES if name in items]
    if not bad or not files:
        return items
    good = [
        not any(isinstance(file, str) and file in bad for file in some)
        for some in zip(*files, strict=True)
    ]
    return {
        name: [part if fine else None for part, fine in zip(parts, good, strict=True)]
        for name, parts in items.items()
    }


def has_any(items: Items, modality: str, every: bool) -> bool:
    """Does a sample have a part of this modality, or must a batch have inputs of `every` one?"""
    parts = items.get(modality)
    return parts is not None and (every or any(part is not None for part in parts))


def assemble(
    inputs: Mapping[str, npt.NDArray[np.generic]], items: Items, ids: IntArray | None
) -> Batch:
    """A batch in which a modality is present where its items are not None.

    Args:
        inputs: the arrays of `gcl_spec.batch.Batch.inputs`, of the shapes there.
        items: B entries by modality, None where a sample has none.
        ids: (B,); 0..B-1 when not given.
    """
    present = {
        name: np.asarray([part is not None for part in parts], bool)
        for name, parts in items.items()
    }
    count = len(next(iter(items.values())))
    return Batch(inputs, present, np.arange(count, dtype=np.int64) if ids is None else ids)
