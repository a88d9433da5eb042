"""Prepares pictures and texts as the models of each kind want them."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt

from gcl_spec.config.options import Config
from gcl_spec.data.prepare.check_checkpoint import check_picture_size
from gcl_spec.data.prepare.checkpoint_pictures import ImageProcessor
from gcl_spec.data.prepare.pictures import PREPROCESSING_VERSION, ImageInput, load_image
from gcl_spec.data.prepare.tokenizer import Tokenizer
from gcl_spec.data.prepare.vista_inputs import vista_pictures, vista_tokenizer
from gcl_spec.errors import InputError
from gcl_spec.models.pretrained import clip_folder, text_folder

__all__ = ["Preprocessing", "preprocessing_of"]


class Preprocessing(Protocol):
    """Makes an array of a picture, and arrays of texts."""

    image_input: str
    """The name of pictures in `gcl_spec.batch.Batch.inputs`."""

    @property
    def key(self) -> str:
        """The name of the preprocessing: the same key and parts give the same arrays."""
        ...

    def image(self, image: ImageInput, where: str, /) -> npt.NDArray[np.generic]:
        """The array of one picture, (H, W, 3) uint8 or (3, H, W) float32; errors name `where`."""
        ...

    def pixels(self, image: ImageInput, where: str, /) -> npt.NDArray[np.uint8]:
        """The pixels (H, W, 3) of one picture from which `values` makes its array."""
        ...

    def values(self, pixels_HWC: npt.NDArray[np.uint8], /) -> npt.NDArray[np.generic]:
        """The array of a picture, as `image` gives it, from its `pixels` (H, W, 3)."""
        ...

    def blank(self) -> npt.NDArray[np.generic]:
        """The zeros that stand for no picture, of the shape of `image`."""
        ...

    def texts(self, texts: Sequence[str], /) -> dict[str, npt.NDArray[np.generic]]:
        """The arrays "text/input_ids" and "text/attention_mask", (B, L) int64 each."""
        ...


def preprocessing_of(config: Config) -> Preprocessing:
    """The preprocessing of the model `config.model.kind`.

    Raises:
        InputError: the model is an adapter, which takes vectors and no pictures or texts.
        DataError: the checkpoint is missing or damaged.
    """
    if config.model.kind == "clip":
        return _Clip(config)
    if config.model.kind == "vista":
        return _Checkpoint(config, vista_pictures(config))
    if config.model.kind == "adapter":
        raise InputError(
            "an adapter is trained on vectors of other models: it encodes no pictures or texts"
        )
    return _Lite(config)


def tokenizer_of(config: Config) -> Tokenizer:
    """The tokenizer of the model `config.model.kind`, lite, clip or vista."""
    if config.model.kind == "clip":
        return Tokenizer.from_folder(clip_folder(config))
    if config.model.kind == "vista":
        return vista_tokenizer(config)
    return Tokenizer(text_folder() / "tokenizer.json", max_tokens=config.model.max_tokens)


class _Tokens:
    def __init__(self, config: Config) -> None:
        self._tokenizer = tokenizer_of(config)

    def texts(self, texts: Sequence[str], /) -> dict[str, npt.NDArray[np.generic]]:
        ids, mask = self._tokenizer(texts)
        self._tokenizer.check_known(ids)
        return {"text/input_ids": ids, "text/attention_mask": mask}


class _Lite(_Tokens):
    """The preprocessing of lite: squares of uint8 pixels, and MiniLM's tokens."""

    image_input = "image/pixels"

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        self._size = config.model.image_size

    @property
    def key(self) -> str:
        pixels = f"image_size={self._size} preprocessing={PREPROCESSING_VERSION}"
        return f"{pixels} {self._tokenizer.key}"

    def image(self, image: ImageInput, where: str, /) -> npt.NDArray[np.uint8]:
        return load_image(image, size=self._size, where=where)

    pixels = image

    def values(self, pixels_HWC: npt.NDArray[np.uint8], /) -> npt.NDArray[np.generic]:
        return pixels_HWC

    def blank(self) -> npt.NDArray[np.generic]:
        return np.zeros((self._size, self._size, 3), np.uint8)


class _Checkpoint(_Tokens):
    """The preprocessing that belongs to a checkpoint: (3, H, W) numbers, and its own tokens."""

    image_input = "image/pixel_values"

    def __init__(self, config: Config, pictures: ImageProcessor) -> None:
        super().__init__(config)
        self._processor = pictures

    @property
    def key(self) -> str:
        return f"{self._processor.key} {self._tokenizer.key}"

    def image(self, image: ImageInput, where: str, /) -> npt.NDArray[np.generic]:
        return self._processor(image, where)

    def pixels(self, image: ImageInput, where: str, /) -> npt.NDArray[np.uint8]:
        return self._processor.pixels(image, where)

    def values(self, pixels_HWC: npt.NDArray[np.uint8], /) -> npt.NDArray[np.generic]:
        return self._processor.values(pixels_HWC)

    def blank(self) -> npt.NDArray[np.generic]:
        return np.zeros((3, *self._processor.shape), np.float32)


class _Clip(_Checkpoint):
    """The preprocessing that a checkpoint's own files describe."""

    def __init__(self, config: Config) -> None:
        folder = clip_folder(config)
        pictures = ImageProcessor.from_folder(folder)
        super().__init__(config, pictures)
        check_picture_size(folder, pictures.shape)
