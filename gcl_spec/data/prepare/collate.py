"""Makes the arrays of a batch from pictures and texts."""

from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol

import numpy as np
import numpy.typing as npt

from gcl_spec._typing import IntArray
from gcl_spec._words import brief
from gcl_spec.batch import Batch, presence
from gcl_spec.config.options import Config
from gcl_spec.data.prepare.pictures import ImageInput
from gcl_spec.data.prepare.recipes import preprocessing_of
from gcl_spec.errors import DataError

__all__ = ["Collate", "Collator", "Reader", "assemble"]


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
    """Makes a batch of B samples from images and texts, None where a sample has none."""

    def __call__(
        self,
        images: Sequence[ImageInput | None],
        texts: Sequence[str | None],
        ids: IntArray | None = None,
        /,
        *,
        bad: dict[str, str] | None = None,
        both: bool = False,
    ) -> Batch:
        """The batch of B samples.

        Args:
            images: one a sample, None where it has none.
            texts: one a sample, None where it has none.
            ids: (B,), equal for samples that are not each other's negatives; 0..B-1 when not given.
            bad: takes the reason for each image, by its path or reference, that cannot be read;
                the sample is then present in no modality. Without it such an image is an error.
            both: have inputs of both modalities, even of one that no sample has.

        Raises:
            DataError: an image that cannot be read.
        """
        ...


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
        self._pool = ThreadPoolExecutor(threads) if threads > 1 else None

    def __call__(
        self,
        images: Sequence[ImageInput | None],
        texts: Sequence[str | None],
        ids: IntArray | None = None,
        /,
        *,
        bad: dict[str, str] | None = None,
        both: bool = False,
    ) -> Batch:
        """A batch of pixels and tokens; its arguments are those of `Collate.__call__`."""
        inputs: dict[str, npt.NDArray[np.generic]] = {}
        pixels = self._decode(images, bad)
        images, texts = without_bad(images, texts, bad)
        if both or any(image is not None for image in images):
            inputs[self._preprocessing.image_input] = np.stack(pixels)
        if both or any(text is not None for text in texts):
            inputs |= self._preprocessing.texts([text or "" for text in texts])
        return assemble(inputs, images, texts, ids)

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
        done = map(one, images) if self._pool is None else self._pool.map(one, images)
        return list(done)

    def _pixels(self, image: ImageInput | None) -> npt.NDArray[np.generic]:
        if image is None:
            return self._preprocessing.blank()
        place = brief(image) if isinstance(image, str) or hasattr(image, "parts") else "image"
        where = f"{self._root.name}: {place}" if self._root is not None else place
        return self._preprocessing.image(self.read(image), where)


def without_bad(
    images: Sequence[ImageInput | None],
    texts: Sequence[str | None],
    bad: dict[str, str] | None,
) -> tuple[Sequence[ImageInput | None], Sequence[str | None]]:
    """Images and texts with None for both parts of each sample whose image is in `bad`."""
    if not bad:
        return images, texts
    good = [not (isinstance(image, str) and image in bad) for image in images]
    return (
        [image if fine else None for image, fine in zip(images, good, strict=True)],
        [text if fine else None for text, fine in zip(texts, good, strict=True)],
    )


def assemble(
    inputs: dict[str, npt.NDArray[np.generic]],
    images: Sequence[object],
    texts: Sequence[object],
    ids: IntArray | None,
) -> Batch:
    """A batch in which a modality is present where `images` and `texts` have no None.

    Args:
        inputs: the arrays of `gcl_spec.batch.Batch.inputs`, of the shapes there.
        images: one a sample, None where it has none.
        texts: one a sample, None where it has none.
        ids: (B,); 0..B-1 when not given.
    """
    has_image = np.asarray([image is not None for image in images], bool)
    has_text = np.asarray([text is not None for text in texts], bool)
    numbers = np.arange(len(images), dtype=np.int64) if ids is None else ids
    return Batch(inputs, presence(has_image, has_text), numbers)
