"""Pictures as a checkpoint's own preprocessor_config.json wants them."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from gcl_spec.data.prepare.pictures import (
    ImageInput,
    check_pixels,
    decode,
    eight_bits,
    turn_upright,
)
from gcl_spec.data.prepare.rgb_last import cropped_then_rgb
from gcl_spec.errors import DataError
from gcl_spec.models.config_json import read_json

if TYPE_CHECKING:
    from PIL import Image

__all__ = ["PROCESSING_VERSION", "RGB_LAST", "ImageProcessor"]

# This enters `ImageProcessor.key`: raise it whenever the same settings give other pixels.
PROCESSING_VERSION = 1

_OPENAI_MEAN = (0.48145466, 0.4578275, 0.40821073)
_OPENAI_STD = (0.26862954, 0.26130258, 0.27577711)
_HALF = (0.5, 0.5, 0.5)
_ALWAYS = {"do_resize": True, "do_rescale": True, "do_normalize": True, "rescale_factor": 1 / 255}
_SQUARE = {"height": 224, "width": 224}
_SIGLIP = _ALWAYS | {"size": _SQUARE, "resample": 3, "image_mean": _HALF, "image_std": _HALF}

_LARGEST = float(np.finfo(np.float32).max)

# The defaults of transformers' processors fill in what a checkpoint leaves out.
_DEFAULTS: dict[str, dict[str, Any]] = {
    "CLIP": _ALWAYS
    | {"size": {"shortest_edge": 224}, "resample": 3, "do_center_crop": True}
    | {"crop_size": _SQUARE, "image_mean": _OPENAI_MEAN, "image_std": _OPENAI_STD},
    "Siglip": _SIGLIP,
    "ViT": _SIGLIP | {"resample": 2},
}
# A single number as `size` means the shorter side, or both sides.
_NUMBER_IS_SQUARE = {"CLIP": False, "Siglip": False, "ViT": True}
_SUFFIXES = ("ImageProcessor", "ImageProcessorFast", "ImageProcessorPil", "FeatureExtractor")
_KINDS = {kind + suffix: kind for kind in _DEFAULTS for suffix in _SUFFIXES}
_MODEL_KINDS = {"clip": "CLIP", "siglip": "Siglip", "vit": "ViT"}

RGB_LAST = "gcl_rgb_last"
"""This setting, which is ours alone, says that pictures become RGB after they are cropped."""

_KNOWN = {*_DEFAULTS["CLIP"], "do_convert_rgb", RGB_LAST}
# These say nothing about the pixels, or only something where another key asks for it.
_NEUTRAL = {
    *{"processor_class", "image_processor_type", "feature_extractor_type", "auto_map"},
    *{"_valid_processor_keys", "device", "disable_grouping", "return_tensors"},
    *{"input_data_format", "default_to_square", "pad_size", "num_channels"},
}


@dataclass(frozen=True, slots=True)
class _Settings:
    """The steps of the preprocessing; sizes are (height, width), and None leaves a step out."""

    shortest_edge: int | None
    size: tuple[int, int] | None
    resample: int
    crop: tuple[int, int] | None
    rescale: tuple[float, ...] | None
    mean: tuple[float, ...] | None
    std: tuple[float, ...] | None
    rgb_last: bool = False


class ImageProcessor:
    """A checkpoint's preprocessing: RGB, resize, crop, rescale, normalise.

    It equals transformers' Pillow processors (`CLIPImageProcessorPil`, `SiglipImageProcessorPil`,
    `ViTImageProcessorPil`, version 5) to the bit, but for three things that those leave wrong:
    pictures are first turned upright by their EXIF orientation, 16-bit grey pictures keep their
    greys instead of becoming white, and every picture becomes RGB, whatever `do_convert_rgb` says.
    Settings with `RGB_LAST` are of checkpoints of other programs, which crop before that
    (`gcl_spec.data.prepare.rgb_last`).

    >>> processor = ImageProcessor({"size": 32, "crop_size": 32}, kind="CLIP", where="example")
    >>> black = np.zeros((40, 60, 3), np.uint8)
    >>> values = processor(black, "black")
    >>> values.shape, values[:, 0, 0].astype(float).round(3).tolist()
    ((3, 32, 32), [-1.792, -1.752, -1.48])
    """

    shape: tuple[int, int]
    """Height and width of every result."""
    key: str
    """The name of the preprocessing: the same key and the same picture give the same result."""

    def __init__(self, settings: Mapping[str, Any], *, kind: str, where: str) -> None:
        """Read the content of a preprocessor_config.json.

        Args:
            settings: the content.
            kind: CLIP, Siglip or ViT.
            where: the file, for errors.

        Raises:
            DataError: a setting that is unknown, malformed, or lets the shapes of results differ.
        """
        parsed = _parse(settings, kind, where)
        fixed = parsed.crop or parsed.size
        if fixed is None:
            raise DataError(
                f"{where}: pictures would keep different shapes, which make no batch; set "
                "do_center_crop and crop_size, or a size of height and width"
            )
        self.shape = fixed
        told = {key: x for key, x in asdict(parsed).items() if key != "rgb_last" or x}
        self.key = f"{json.dumps(told)} processing={PROCESSING_VERSION}"
        self._settings = parsed
        self._table = _values(parsed)

    @classmethod
    def from_folder(cls, folder: Path) -> "ImageProcessor":
        """The processor of a checkpoint; a `DataError` for unknown types and settings."""
        path, settings = _read_settings(folder)
        name = settings.get("image_processor_type") or settings.get("feature_extractor_type")
        if name is None:
            model = read_json(folder / "config.json").get("model_type")
            kind = _MODEL_KINDS.get(str(model))
            name = f"none, for a model of type {model}"
        else:
            kind = _KINDS.get(str(name))
        if kind is None:
            code = "; code that lies in the folder is never run" if settings.get("auto_map") else ""
            raise DataError(
                f"{path}: image_processor_type is {name}; known are "
                f"{', '.join(x + 'ImageProcessor' for x in _DEFAULTS)}{code}"
            )
        return cls(settings, kind=kind, where=str(path))

    def __call__(self, image: ImageInput, where: str) -> npt.NDArray[np.float32]:
        """Pixel values (3, H, W) float32 of a picture.

        Raises:
            DataError: the picture cannot be decoded (`gcl_spec.data.prepare.pictures.decode`), or
                is too long and thin to be resized.
        """
        return self.values(self.pixels(image, where))

    def pixels(self, image: ImageInput, where: str) -> npt.NDArray[np.uint8]:
        """The pixels (H, W, 3) of a picture, resized and cropped, with the errors of a call."""
        return decode(image, lambda picture: self._pixels(picture, where), where=where)

    def values(self, pixels_HWC: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        """Pixel values (3, H, W) of `pixels` (H, W, 3), rescaled and normalised."""
        # These steps map a channel's 256 values one by one, so that a table does it at once.
        return np.stack([self._table[i][pixels_HWC[:, :, i]] for i in range(3)])

    def _pixels(self, picture: "Image.Image", where: str) -> npt.NDArray[np.uint8]:
        settings = self._settings
        if settings.rgb_last and settings.shortest_edge is not None and settings.crop is not None:
            edge, crop = settings.shortest_edge, settings.crop
            return np.asarray(cropped_then_rgb(picture, edge, crop, settings.resample, where))
        rgb = _opaque_rgb(picture)
        if settings.shortest_edge is not None:
            rgb = _resize_shorter(rgb, settings.shortest_edge, settings.resample, where)
        elif settings.size is not None:
            rgb = rgb.resize(settings.size[::-1], settings.resample)
        if settings.crop is not None:
            height, width = settings.crop
            top, left = (rgb.height - height) // 2, (rgb.width - width) // 2
            rgb = rgb.crop((left, top, left + width, top + height))  # black outside the picture
        return np.asarray(rgb)


def _opaque_rgb(picture: "Image.Image") -> "Image.Image":
    """The picture upright and as RGB, on white where it is transparent."""
    from PIL import Image

    picture = eight_bits(picture)
    clear = "A" in picture.getbands() or picture.info.get("transparency") is not None
    picture = picture.convert("RGBA" if clear else "RGB")
    turn_upright(picture)
    if not clear:
        return picture
    white = Image.new("RGBA", picture.size, (255, 255, 255, 255))
    return Image.alpha_composite(white, picture).convert("RGB")


def _resize_shorter(rgb: "Image.Image", side: int, resample: int, where: str) -> "Image.Image":
    longer = int(side * max(rgb.size) / min(rgb.size))
    width, height = (side, longer) if rgb.width <= rgb.height else (longer, side)
    check_pixels(width, height, where=f"{where}: resized to a shorter side of {side}")
    return rgb.resize((width, height), resample)


def _values(settings: _Settings) -> npt.NDArray[np.float32]:
    """The results (3, 256) for each of a channel's values, rounded where transformers rounds."""
    table = np.stack([np.arange(256, dtype=np.float32)] * 3)
    if settings.rescale is not None:
        table = (table * np.asarray(settings.rescale, np.float64)[:, None]).astype(np.float32)
    if settings.mean is not None and settings.std is not None:
        mean, std = (np.asarray(x, np.float32)[:, None] for x in (settings.mean, settings.std))
        table = (table - mean) / std
    return table


def _read_settings(folder: Path) -> tuple[Path, dict[str, Any]]:
    """The settings in processor_config.json (transformers 5) or preprocessor_config.json."""
    path = folder / "processor_config.json"
    if path.is_file():
        nested = read_json(path).get("image_processor")
        if isinstance(nested, dict):
            return path, nested
    path = folder / "preprocessor_config.json"
    return path, read_json(path)


def _parse(settings: Mapping[str, Any], kind: str, where: str) -> _Settings:
    for key, value in settings.items():
        harmless = key in _NEUTRAL or value is None or value is False
        if key not in _KNOWN and not harmless and (key, value) != ("data_format", "channels_first"):
            raise DataError(
                f"{where}: {key}={value!r} is not known and may change the pixels; remove it if "
                "it does not"
            )
    all_settings = _DEFAULTS[kind] | dict(settings)  # a null is no default; it leaves the step out

    def wanted(key: str) -> bool:
        if not isinstance(all_settings.get(key), bool | None):
            raise DataError(f"{where}: {key} is {all_settings[key]!r}; true or false is meant")
        return bool(all_settings.get(key))

    edge, size = None, None
    if wanted("do_resize"):
        edge, size = _size(all_settings["size"], "size", _NUMBER_IS_SQUARE[kind], where)
    crop = None
    if wanted("do_center_crop"):
        crop = _size(all_settings.get("crop_size"), "crop_size", True, where)[1]
        if crop is None:
            raise DataError(f"{where}: crop_size has no height and width")
    normalise, rgb_last = wanted("do_normalize"), wanted(RGB_LAST)
    if rgb_last and (edge is None or crop is None):
        raise DataError(f"{where}: {RGB_LAST} needs a size of shortest_edge, and a crop_size")
    return _Settings(
        shortest_edge=edge,
        size=size,
        resample=_filter(all_settings["resample"], where),
        crop=crop,
        rescale=_numbers(all_settings, "rescale_factor", where) if wanted("do_rescale") else None,
        mean=_numbers(all_settings, "image_mean", where) if normalise else None,
        std=_numbers(all_settings, "image_std", where) if normalise else None,
        rgb_last=rgb_last,
    )


def _size(
    value: Any, key: str, number_is_square: bool, where: str
) -> tuple[int | None, tuple[int, int] | None]:
    """A size as (shortest edge, None) or (None, (height, width))."""
    if isinstance(value, int):
        value = {"height": value, "width": value} if number_is_square else {"shortest_edge": value}
    elif isinstance(value, list | tuple) and len(value) == 2:
        value = {"height": value[0], "width": value[1]}
    sides = dict(value) if isinstance(value, Mapping) else {}
    # transformers writes nulls for the forms of a size that are not used.
    sides = {name: side for name, side in sides.items() if side is not None}
    if all(type(side) is int and side > 0 for side in sides.values()):
        if sides.keys() == {"shortest_edge"}:
            return sides["shortest_edge"], None
        if sides.keys() == {"height", "width"}:
            return None, (sides["height"], sides["width"])
    raise DataError(f"{where}: {key} is {value!r}; known are shortest_edge, or height and width")


def _filter(value: Any, where: str) -> int:
    if value is None:
        return 2  # transformers' default, bilinear
    if type(value) is not int or not 0 <= value <= 5:
        raise DataError(f"{where}: resample is {value!r}; it is the number of a Pillow filter")
    return value


def _numbers(settings: Mapping[str, Any], key: str, where: str) -> tuple[float, ...]:
    """Three numbers, one a channel; a single one is meant for all."""
    value = settings[key]
    values = list(value) if isinstance(value, list | tuple) else [value] * 3
    good = all(type(x) in (int, float) and abs(x) <= _LARGEST for x in values) and len(values) == 3
    if not good or (key == "image_std" and 0 in values):
        raise DataError(f"{where}: {key} is {value!r}; a finite number a channel is meant")
    return tuple(float(x) for x in values)
