"""Makes the arrays of a batch from pictures, texts and other parts of samples."""

import os
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

from gcl_spec._typing import IntArray
from gcl_spec._words import brief
from gcl_spec.batch import Batch
from gcl_spec.config.options import Config
from gcl_spec.data.prepare.pictures import ImageInput
from gcl_spec.data.prepare.recipes import preprocessing_of
from gcl_spec.errors import DataError, InputError

__all__ = ["Collate", "Collator", "Items", "Reader", "assemble", "has_any", "without_bad"]

Items: TypeAlias = Mapping[str, Sequence[Any]]
"""A picture, a text or a reference for each of B samples, by modality; None where it has none."""


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
            bad: takes the reason for each image, by its path or reference, that cannot be read;
                the sample is then present in no modality. Without it such an image is an error.
            every: have inputs of every modality in `items`, even of one that no sample has.

        Raises:
            DataError: an image cannot be read.
            InputError: the model takes no inputs of a modality.
        """
        ...


_TAKEN = ("image", "text")


class Collator:
    """A `Collate` that gives pixels and tokens.

    Args:
        config: the options of the run.
        root: where an image that is a string is looked up; without it that is a path on disk.
        threads: how many decode at a time; with 1 the calling thread does.
    """

    def __init__(self, config: Config, root: Reader | None = None, *, threads: int = 4) -> None:
        self._root = root
        self._preprocessing = preprocessing_of(config)
        # Threads help, because Pillow decodes and resizes without Python's lock.
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
            if name not in _TAKEN:
                raise InputError(
                    f"samples with {name!r}: this model takes {' and '.join(_TAKEN)} (an adapter "
                    "takes vectors of any modality)"
                )
        inputs: dict[str, npt.NDArray[np.generic]] = {}
        pixels = self._decode(items.get("image", ()), bad)
        items = without_bad(items, bad)
        if has_any(items, "image", every):
            inputs[self._preprocessing.image_input] = np.stack(pixels)
        if has_any(items, "text", every):
            inputs |= self._preprocessing.texts([text or "" for text in items["text"]])
        return assemble(inputs, items, ids)

    def read(self, image: ImageInput) -> ImageInput:
        """The file's content where `image` is a path under the root; else `image` itself."""
        if self._root is not None and isinstance(image, str):
            return self._root.read_bytes(image)
        return image

    def _decode(
        self, images: Sequence[ImageInput | None], bad: dict[str, str] | None
    ) -> list[npt.NDArray[np.generic]]:
        def one(image: ImageInput | None) -> npt.NDArray[np.generic]:
            try:
                return self._pixels(image)
            except DataError as error:
                if bad is None or not isinstance(image, str):
                    raise
                bad[image] = str(error)
                return self._pixels(None)

        done: Iterable[npt.NDArray[np.generic]]
        done = map(one, images) if self._threads == 1 else self._executor().map(one, images)
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
        place = brief(image) if isinstance(image, str) or hasattr(image, "parts") else "image"
        where = f"{self._root.name}: {place}" if self._root is not None else place
        return self._preprocessing.image(self.read(image), where)


def without_bad(items: Items, bad: Mapping[str, str] | None) -> Items:
    """The items with None for all parts of each sample whose image is in `bad`."""
    if not bad or "image" not in items:
        return items
    good = [not (isinstance(image, str) and image in bad) for image in items["image"]]
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
