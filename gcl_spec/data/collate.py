"""From pictures and texts to the arrays of a batch."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol

import numpy as np
import numpy.typing as npt

from gcl_spec._typing import IntArray
from gcl_spec.batch import Batch, presence
from gcl_spec.config import Config
from gcl_spec.data.images import ImageInput
from gcl_spec.data.preprocess import preprocessing_of
from gcl_spec.data.root import Root

__all__ = ["Collate", "Collator", "assemble"]


class Collate(Protocol):
    """Makes a batch of B samples from images and texts, None where a sample has none."""

    def __call__(
        self,
        images: Sequence[ImageInput | None],
        texts: Sequence[str | None],
        ids: IntArray | None = None,
        /,
    ) -> Batch:
        """`ids` are 0..B-1 when not given."""
        ...


class Collator:
    """Pixels and tokens. A string as image is a path: under `root`, or on disk without a root."""

    def __init__(self, config: Config, root: Root | None = None) -> None:
        self._root = root
        self._preprocessing = preprocessing_of(config)
        self._pool = ThreadPoolExecutor(4)  # Pillow decodes and resizes outside the GIL

    def __call__(
        self,
        images: Sequence[ImageInput | None],
        texts: Sequence[str | None],
        ids: IntArray | None = None,
        /,
    ) -> Batch:
        """See `Collate`."""
        inputs: dict[str, npt.NDArray[np.generic]] = {}
        if any(image is not None for image in images):
            found = list(self._pool.map(self._pixels, images))
            inputs[self._preprocessing.image_input] = np.stack(found)
        if any(text is not None for text in texts):
            inputs |= self._preprocessing.texts([text or "" for text in texts])
        return assemble(inputs, images, texts, ids)

    def read(self, image: ImageInput) -> ImageInput:
        """The file's content where `image` is a path under the root; else `image` itself."""
        if self._root is not None and isinstance(image, str):
            return self._root.read_bytes(image)
        return image

    def _pixels(self, image: ImageInput | None) -> npt.NDArray[np.generic]:
        if image is None:
            return self._preprocessing.blank()
        place = str(image) if isinstance(image, str) or hasattr(image, "parts") else "image"
        where = f"{self._root.name}: {place}" if self._root is not None else place
        return self._preprocessing.image(self.read(image), where)


def assemble(
    inputs: dict[str, npt.NDArray[np.generic]],
    images: Sequence[object],
    texts: Sequence[object],
    ids: IntArray | None,
) -> Batch:
    """A batch with the presence that `images` and `texts` show."""
    has_image = np.asarray([image is not None for image in images], bool)
    has_text = np.asarray([text is not None for text in texts], bool)
    numbers = np.arange(len(images), dtype=np.int64) if ids is None else ids
    return Batch(inputs, presence(has_image, has_text), numbers)
