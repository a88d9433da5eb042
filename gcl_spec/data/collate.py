"""From pictures and texts to the arrays of a batch."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol

import numpy as np
import numpy.typing as npt

from gcl_spec._typing import IntArray
from gcl_spec.batch import Batch, presence
from gcl_spec.config import ModelConfig
from gcl_spec.data.images import ImageInput, load_image
from gcl_spec.data.root import Root
from gcl_spec.data.tokens import Tokenizer
from gcl_spec.towers import text_folder

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
    """Pixels and tokens. A text as image is a path: under `root`, or on disk without a root."""

    def __init__(self, config: ModelConfig, root: Root | None = None) -> None:
        self._size = config.image_size
        self._root = root
        self._tokenizer = Tokenizer(text_folder() / "tokenizer.json", max_tokens=config.max_tokens)
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
            inputs["image/pixels"] = np.stack(list(self._pool.map(self._pixels, images)))
        if any(text is not None for text in texts):
            token_ids, mask = self._tokenizer([text or "" for text in texts])
            inputs |= {"text/input_ids": token_ids, "text/attention_mask": mask}
        return assemble(inputs, images, texts, ids)

    def read(self, image: ImageInput) -> ImageInput:
        """The file's content where `image` is a path under the root; else `image` itself."""
        if self._root is not None and isinstance(image, str):
            return self._root.read_bytes(image)
        return image

    def _pixels(self, image: ImageInput | None) -> npt.NDArray[np.uint8]:
        if image is None:
            return np.zeros((self._size, self._size, 3), np.uint8)
        place = str(image) if isinstance(image, str) or hasattr(image, "parts") else "image"
        where = f"{self._root.name}: {place}" if self._root is not None else place
        return load_image(self.read(image), size=self._size, where=where)


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
