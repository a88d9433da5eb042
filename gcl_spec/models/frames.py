"""Videos as models see them: frames, each a picture, whose rows are pooled."""

from collections.abc import Collection, Sequence
from pathlib import Path

import numpy as np
from safetensors.numpy import save

from gcl_spec._files.atomic import atomic_write
from gcl_spec._typing import Array, ArrayNamespace, FloatArray
from gcl_spec.config.options import ModelConfig
from gcl_spec.errors import DataError
from gcl_spec.models.weights import file_shapes, read_weights
from gcl_spec.objective import given_names, same_parts

__all__ = [
    "VIDEO", "framed", "pooled_frames", "seen", "seen_parts", "start_query", "write_query",
]  # fmt: skip

VIDEO = "video"
"""The modality whose items are frames."""
_QUERY, _FILE = "frame_query", "frame_query.safetensors"


def framed(model: ModelConfig) -> tuple[str, ...]:
    """The modalities of a model with towers whose items are frames: that of videos, or none."""
    return (VIDEO,) if VIDEO in given_names(model.modalities) else ()


def seen(model: ModelConfig, towers: Sequence[str] = ("image", "text")) -> tuple[str, ...]:
    """The modalities of which a model takes inputs: those of its towers, and what is framed."""
    return (*towers, *framed(model))


def seen_parts(parts: Sequence[str], modalities: Collection[str]) -> tuple[str, ...]:
    """What a model sees of an item with these parts: of a video that it cannot take, a picture.

    Args:
        parts: the given modalities that the item has.
        modalities: those of which the model gives embeddings.

    >>> seen_parts(["text", "video"], ["video", "text", "video+text"])
    ('text', 'video')
    >>> seen_parts(["text", "video"], ["image", "text", "image+text", "video"])
    ('text', 'image')
    """
    if VIDEO not in parts or same_parts(parts, modalities) is not None:
        return tuple(parts)
    return tuple("image" if part == VIDEO else part for part in parts)


def pooled_frames(rows_BFD: Array, query_D: Array | None, *, xp: ArrayNamespace) -> Array:
    """The row of each video from the projections of its F frames.

    Without a query it is their mean, as ViFi-CLIP has it (arXiv 2212.03640, section 3.1): of the
    projections as they come, so that a longer one has the larger say, as in the fusion "raw".
    CLIP4Clip (arXiv 2104.08860) and CoVR add unit rows instead.

    With a query it is attention with one learned query q, the pooling of the Set Transformer
    (arXiv 1810.00825, section 3.2) with neither heads nor projections:
    row = sum_f w_f x_f, w = softmax_f(x_f . q / sqrt(D)). At q = 0 it is the mean.

    Args:
        rows_BFD: the projections of frames, (B, F, D).
        query_D: the learned query, (D,), or None.
        xp: the Array API namespace of the arrays.

    Returns:
        Shape (B, D), of any norm.

    >>> import numpy as np
    >>> rows = np.asarray([[[1.0, 0.0], [3.0, 0.0]]])
    >>> pooled_frames(rows, None, xp=np), pooled_frames(rows, np.zeros(2), xp=np)
    (array([[2., 0.]]), array([[2., 0.]]))
    """
    if query_D is None:
        return xp.mean(rows_BFD, axis=1)
    logits_BF = xp.sum(rows_BFD * query_D, axis=2) / rows_BFD.shape[2] ** 0.5
    weights_BF = xp.exp(logits_BF - xp.max(logits_BF, axis=1, keepdims=True))
    weights_BF = weights_BF / xp.sum(weights_BF, axis=1, keepdims=True)
    return xp.sum(weights_BF[:, :, None] * rows_BFD, axis=1)


def start_query(folder: Path, width: int) -> FloatArray:
    """The query (D,) float32 with which attention starts: that of a checkpoint, or zeros.

    Args:
        folder: of the checkpoint; `write_query` may have written one there.
        width: D.

    Raises:
        DataError: the file is damaged, or of another model.
    """
    path = folder / _FILE
    if not path.is_file():
        return np.zeros(width, np.float32)
    shapes = file_shapes(path)
    if shapes != {_QUERY: (width,)}:
        raise DataError(f"{path}: wanted one array {_QUERY!r} of shape {(width,)}, not {shapes}")
    query_D: FloatArray = read_weights([path])[_QUERY].astype(np.float32)
    return query_D


def write_query(folder: Path, query_D: FloatArray) -> None:
    """Write a learned query, (D,), beside the weights of a checkpoint, whose layout has none."""
    with atomic_write(folder / _FILE) as file:
        file.write(save({_QUERY: query_D.astype(np.float32)}))
