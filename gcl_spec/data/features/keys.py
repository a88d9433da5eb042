"""Names the frozen towers' outputs by everything that changes them."""

from gcl_spec.config.options import ModelConfig
from gcl_spec.data.prepare import frames, pictures, tokenizer
from gcl_spec.models.pretrained import IMAGE_TOWER, TEXT_TOWER, package_version

__all__ = ["image_tower_key", "text_tower_key", "video_tower_key"]


def image_tower_key(config: ModelConfig) -> str:
    """The name of the image tower's outputs: the same key and picture give the same output."""
    pixels = f"image_size={config.image_size} preprocessing={pictures.PREPROCESSING_VERSION}"
    return f"{IMAGE_TOWER}=={package_version(IMAGE_TOWER)} {pixels}"


def text_tower_key(config: ModelConfig) -> str:
    """The name of the text tower's outputs: the same key and text give the same output."""
    cut = f"max_tokens={config.max_tokens} tokenizing={tokenizer.TOKENIZING_VERSION}"
    return f"{TEXT_TOWER}=={package_version(TEXT_TOWER)} {cut}"


def video_tower_key(config: ModelConfig) -> str:
    """The name of the image tower's outputs for all frames of a video."""
    return f"{image_tower_key(config)} frames={config.frames} decoding={frames.FRAMES_VERSION}"
