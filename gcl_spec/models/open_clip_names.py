"""The names of weights in open_clip's CLIP, and what transformers calls them.

They are those of `model.py` and `transformer.py` in https://github.com/mlfoundations/open_clip.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from gcl_spec.errors import DataError

__all__ = ["renamed"]

_BLOCK = {
    "ln_1": "layer_norm1",
    "ln_2": "layer_norm2",
    "attn.out_proj": "self_attn.out_proj",
    "mlp.c_fc": "mlp.fc1",
    "mlp.c_proj": "mlp.fc2",
}
_PLAIN = {
    "logit_scale": "logit_scale",
    "token_embedding.weight": "text_model.embeddings.token_embedding.weight",
    "positional_embedding": "text_model.embeddings.position_embedding.weight",
    "ln_final.weight": "text_model.final_layer_norm.weight",
    "ln_final.bias": "text_model.final_layer_norm.bias",
    "visual.class_embedding": "vision_model.embeddings.class_embedding",
    "visual.conv1.weight": "vision_model.embeddings.patch_embedding.weight",
    "visual.positional_embedding": "vision_model.embeddings.position_embedding.weight",
    "visual.ln_pre.weight": "vision_model.pre_layrnorm.weight",
    "visual.ln_pre.bias": "vision_model.pre_layrnorm.bias",
    "visual.ln_post.weight": "vision_model.post_layernorm.weight",
    "visual.ln_post.bias": "vision_model.post_layernorm.bias",
}
_TURNED = {"text_projection": "text_projection.weight", "visual.proj": "visual_projection.weight"}
_TOWERS = {"visual.transformer.": "vision_model", "transformer.": "text_model"}

Arrays = Mapping[str, npt.NDArray[Any]]


def renamed(weights: Arrays, where: str) -> dict[str, npt.NDArray[Any]]:
    """The weights of a CLIP by their names in transformers' `CLIPModel`.

    Args:
        weights: arrays by open_clip's names, of the shapes that they have there.
        where: the file, for errors.

    Returns:
        Arrays of the shapes that transformers has: in_proj is cut into thirds, and projections are
        transposed.

    Raises:
        DataError: a name is none of open_clip's CLIP.
    """
    clip_weights: dict[str, npt.NDArray[Any]] = {}
    for name, x in weights.items():
        if name in _PLAIN:
            clip_weights[_PLAIN[name]] = x
        elif name in _TURNED and x.ndim == 2:
            clip_weights[_TURNED[name]] = np.ascontiguousarray(x.T)
        elif name != "attn_mask":
            clip_weights |= _of_block(name, x, where)
    return clip_weights


def _of_block(name: str, x: npt.NDArray[Any], where: str) -> dict[str, npt.NDArray[Any]]:
    for prefix, tower in _TOWERS.items():
        start, _, rest = name.partition("resblocks.")
        number, _, inner = rest.partition(".")
        if start != prefix or not number.isdecimal():
            continue
        layer = f"{tower}.encoder.layers.{number}"
        part, _, kind = inner.rpartition(".")
        if part in _BLOCK:
            return {f"{layer}.{_BLOCK[part]}.{kind}": x}
        if inner in ("attn.in_proj_weight", "attn.in_proj_bias") and x.ndim and not len(x) % 3:
            kind = inner.rpartition("_")[2]
            return {
                f"{layer}.self_attn.{letter}_proj.{kind}": np.ascontiguousarray(third)
                for letter, third in zip("qkv", np.split(x, 3), strict=True)
            }
    raise DataError(f"{where}: {name[:80]!r} is no weight of open_clip's CLIP")
