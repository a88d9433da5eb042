"""The spellings of weights in TinyCLIP's files, and open_clip's names for them.

A model has three children, for pictures, texts and the scale, each of which its trainer wraps by
itself; automatic models hold each tower twice (https://github.com/wkcn/TinyCLIP).
"""

from collections.abc import Collection, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from gcl_spec.errors import DataError

__all__ = ["flat_name", "flat_weights", "is_named_so"]

_CHILDREN = (
    "_image_encoder.", "image_encoder_without_ddp.", "_text_encoder.",
    "text_encoder_without_ddp.", "_logit_scale.",
)  # fmt: skip
_WRAPPED = "module."
_COMPILED = "_orig_mod."  # torch.compile puts it there
_MASKS = "l0_module."
_CAUSAL = "attn_mask"  # some versions of open_clip save this constant
# A CLIP in open_clip's names has these; a single one may be anything else's.
_MARKS = {"visual.conv1.weight", "visual.proj", "token_embedding.weight", "text_projection"}


def flat_name(name: str) -> str:
    """open_clip's name of a weight, without children and wrappers.

    >>> flat_name("module._image_encoder.module.visual.proj"), flat_name("module.logit_scale")
    ('visual.proj', 'logit_scale')
    """
    name = name.removeprefix(_COMPILED).removeprefix(_WRAPPED).removeprefix(_COMPILED)
    for child in _CHILDREN:
        if name.startswith(child):
            return name.removeprefix(child).removeprefix(_WRAPPED)
    return name


def is_named_so(names: Collection[str]) -> bool:
    """Are these the names of a TinyCLIP, or of a whole CLIP in open_clip's own?"""
    begun = (name.removeprefix(_COMPILED).removeprefix(_WRAPPED) for name in names)
    return (
        any(name.startswith(_CHILDREN) for name in begun)
        or {flat_name(name) for name in names} >= _MARKS
    )


def flat_weights(
    weights: Mapping[str, npt.NDArray[Any]], where: str
) -> tuple[dict[str, npt.NDArray[Any]], int]:
    """The weights by open_clip's names, each once, and the number of masks that are left out.

    Args:
        weights: arrays of the shapes in the file, by the names there.
        where: the file, for errors.

    Returns:
        Arrays of the same shapes, and how many of the names were `l0_module.*`: what a pruning
        that has not been carried out has learned.

    Raises:
        DataError: a weight is there twice with other values.
    """
    by_name: dict[str, npt.NDArray[Any]] = {}
    first: dict[str, str] = {}
    masks = 0
    for name, x in weights.items():
        flat = flat_name(name)
        if flat.startswith(_MASKS):
            masks += 1
        elif flat == _CAUSAL:
            continue
        elif flat not in by_name:
            by_name[flat], first[flat] = x, name
        elif not np.array_equal(by_name[flat], x, equal_nan=x.dtype.kind == "f"):
            raise DataError(
                f"{where}: {first[flat]!r} and {name!r} are the same weight, but differ; the file "
                "is of no one state of a model"
            )
    return by_name, masks
