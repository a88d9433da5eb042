"""Mixed-modality batches: what each sample has, and its image, text and fused embedding."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
from array_api_compat import array_namespace

from gcl_spec._typing import Array, ArrayNamespace, BoolArray, IntArray
from gcl_spec.errors import ConfigError
from gcl_spec.normalize import l2_normalize

__all__ = ["MODALITIES", "Batch", "Fuse", "embeddings", "presence"]

MODALITIES = ("image", "text", "image+text")
"""Rows of `Batch.present` and of `embeddings`."""

Fuse = Literal["raw", "unit"]


@dataclass(frozen=True, slots=True)
class Batch:
    """The inputs of B samples, framework-neutral.

    inputs: arrays with B as first axis, named "<modality>/<input>":
        "image/pixels" (B, H, W, 3) uint8, or "image/features" (B, F) float32 outputs of a frozen
        tower; "text/input_ids" and "text/attention_mask" (B, L) int64, or "text/features" (B, F).
        Where a sample lacks a modality its row is zero and `present` says so. A modality that no
        sample has may be left out, but of several processes all have inputs of the same names.
    present: (3, B) booleans in the order image, text, image+text; the last is the and of the two.
    ids: (B,) integers; samples with equal ids are not each other's negatives.
    """

    inputs: Mapping[str, npt.NDArray[np.generic]]
    present: BoolArray
    ids: IntArray

    def __len__(self) -> int:
        return int(self.ids.shape[0])


def presence(image_B: BoolArray, text_B: BoolArray) -> BoolArray:
    """(3, B) booleans, in the order image, text, image+text; a fused row needs both parts."""
    return np.stack([image_B, text_B, image_B & text_B])


def embeddings(
    image_BD: Array,
    text_BD: Array,
    *,
    fuse: Fuse = "raw",
    present_MB: Array | None = None,
    xp: ArrayNamespace | None = None,
) -> Array:
    """Unit embeddings of images, texts and image-text pairs by score fusion (UniIR, 2311.17136).

    e_i = i / |i|, e_t = t / |t|, and e_it = (i + t) / |i + t| of the projections as they come
    ("raw", where the longer one has the larger say) or of the unit embeddings ("unit").

    Args:
        image_BD, text_BD: projections of the two towers, shape (B, D), any norm.
        fuse: "raw" or "unit".
        present_MB: (3, B) booleans; rows that are not present are zero with zero gradient.
        xp: the Array API namespace; found from the arrays when not given.

    Returns:
        Shape (3, B, D): image, text, image+text.

    >>> image, text = np.asarray([[3.0, 0.0]]), np.asarray([[0.0, 4.0]])
    >>> embeddings(image, text)[2]
    array([[0.6, 0.8]])
    >>> embeddings(image, text, fuse="unit")[2].round(3)
    array([[0.707, 0.707]])
    """
    xp = array_namespace(image_BD, text_BD) if xp is None else xp
    if fuse not in ("raw", "unit"):
        raise ConfigError(f"fuse = {fuse!r}: must be raw or unit")
    if present_MB is not None:
        image_BD = xp.where(present_MB[0, :, None], image_BD, xp.zeros_like(image_BD))
        text_BD = xp.where(present_MB[1, :, None], text_BD, xp.zeros_like(text_BD))
    image_unit, text_unit = l2_normalize(image_BD, xp=xp), l2_normalize(text_BD, xp=xp)
    total = image_BD + text_BD if fuse == "raw" else image_unit + text_unit
    fused = l2_normalize(total, xp=xp)
    if present_MB is not None:
        fused = xp.where(present_MB[2, :, None], fused, xp.zeros_like(fused))
    return xp.stack([image_unit, text_unit, fused])
