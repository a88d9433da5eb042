"""Makes unit rows of items of any mix of modalities."""

import os
from collections.abc import Iterable, Mapping, Set
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from gcl_spec._typing import FloatArray
from gcl_spec.errors import InputError
from gcl_spec.objective import same_parts

if TYPE_CHECKING:
    from gcl_spec.batch import Batch
    from gcl_spec.data.prepare.collate import Collate, Items
    from gcl_spec.data.prepare.pictures import ImageInput

__all__ = [
    "Encoder", "encode", "images_of", "of_all_parts", "pairs_of", "texts_of", "with_videos"
]  # fmt: skip

_ONE = "give a list, one entry a sample"
_PICTURES = "a path, a file's content as bytes, a Pillow image or a uint8 array (H, W, 3)"


class Encoder(Protocol):
    """A model that encodes batches: a `gcl_spec.backend.Trainer`, or one for inference alone."""

    def encode(self, batch: "Batch", /) -> Mapping[str, FloatArray]:
        """Embeddings by modality, (B, D) float32 unit rows, and zero where one is not present."""


def encode(model: Encoder, collate: "Collate", items: "Items", *, batch_size: int) -> FloatArray:
    """Unit rows of samples, each of all the parts together that the sample has.

    Args:
        model: what encodes.
        collate: makes batches of the parts of samples.
        items: N entries by modality, None where a sample has none.
        batch_size: samples that are encoded at once.

    Returns:
        Shape (N, D), float32: the fused row where a sample has several parts.

    Raises:
        InputError: a sample has parts of which together the model has no embedding.
    """
    rows: list[FloatArray] = []
    for start in range(0, len(next(iter(items.values()))), batch_size):
        part = slice(start, start + batch_size)
        batch = collate({name: entries[part] for name, entries in items.items()})
        rows.append(of_all_parts(model.encode(batch), batch, start))
    return np.concatenate(rows)


def of_all_parts(z: Mapping[str, FloatArray], batch: "Batch", start: int = 0) -> FloatArray:
    """The rows (B, D) of exactly the parts of each sample; zero for one that has none.

    Args:
        z: embeddings by modality, (B, D) each.
        batch: the samples.
        start: the number of the first sample, for errors.

    Raises:
        InputError: a sample has parts of which together there is no embedding.
    """
    parts = list(batch.present)
    flags_GB = np.stack([batch.present[name] for name in parts])
    rows_BD = np.zeros_like(next(iter(z.values())))
    for some_G in np.unique(flags_GB, axis=1).T:
        here_B = np.all(flags_GB == some_G[:, None], axis=0)
        own = [name for name, has in zip(parts, some_G, strict=True) if has]
        name = same_parts(own, z)
        if own and name is None:
            raise InputError(
                f"sample {start + int(np.argmax(here_B))} has {' and '.join(own)}: this model has "
                f"no embedding of that, but of {', '.join(z)}"
            )
        if name is not None:
            rows_BD[here_B] = z[name][here_B]
    return rows_BD


def pairs_of(
    image: Iterable[Any] | None, text: Iterable[Any] | None
) -> tuple[list["ImageInput | None"], list[str | None]]:
    """Pictures and texts of one length, with None for all of what is not given.

    Args:
        image, text: lists, tuples, arrays, Series or generators of one entry a sample.

    Raises:
        InputError: neither is given, they have no or different lengths, a sample has neither, or
            an entry is something else. None stands for a missing entry; NaN does not.
    """
    if image is None and text is None:
        raise InputError("give image=[...], text=[...] or both")
    images = None if image is None else images_of(image)
    texts = None if text is None else texts_of(text)
    if images is not None and texts is not None and len(images) != len(texts):
        raise InputError(f"{len(images)} images and {len(texts)} texts; give one a sample")
    count = len(images if images is not None else texts or ())
    images, texts = images or [None] * count, texts or [None] * count
    for n, (i, t) in enumerate(zip(images, texts, strict=True)):
        if i is None and t is None:
            raise InputError(f"sample {n} has neither image nor text")
    if not count:
        raise InputError("there is no sample to encode")
    return images, texts


def with_videos(
    video: Iterable[Any], image: Iterable[Any] | None, text: Iterable[Any] | None
) -> dict[str, list[Any]]:
    """Videos, and pictures and texts where they are given, by modality, all of one length.

    Args:
        video: paths or contents of files, or None where a sample has no video.
        image, text: as in `pairs_of`.

    Raises:
        InputError: lengths differ, a sample has no part, or an entry is something else.
    """
    columns: dict[str, list[Any]] = {"video": list(_videos(video))}
    if image is not None:
        columns["image"] = images_of(image)
    if text is not None:
        columns["text"] = texts_of(text)
    counts = {name: len(entries) for name, entries in columns.items()}
    if len({*counts.values()}) > 1:
        said = " and ".join(f"{count} {name}s" for name, count in counts.items())
        raise InputError(f"{said}; give one a sample")
    for n, parts in enumerate(zip(*columns.values(), strict=True)):
        if all(part is None for part in parts):
            raise InputError(f"sample {n} has neither of {', '.join(columns)}")
    if not counts["video"]:
        raise InputError("there is no sample to encode")
    return columns


def _videos(video: Iterable[Any]) -> Iterable[Any]:
    for n, x in enumerate(_entries("video", video)):
        if x is not None and not isinstance(x, str | bytes | os.PathLike):
            raise InputError(
                f"video {n} is {_named(x)}; wanted a path or a file's content as bytes, or None"
            )
        yield x


def images_of(image: Iterable[Any]) -> list["ImageInput | None"]:
    """The entries of `image`; an `InputError` names the place of what is no picture."""
    shape = getattr(image, "shape", None)
    if isinstance(shape, tuple) and len(shape) in (2, 3) and not _holds_objects(image):
        raise InputError(f"image is one array of shape {shape}, a single picture? {_ONE}")
    images: list[ImageInput | None] = []
    for n, x in enumerate(_entries("image", image)):
        if isinstance(x, bytearray | memoryview):
            x = bytes(x)
        if isinstance(x, np.ndarray) and not _is_picture(x):
            what = f"image {n} is a {x.dtype} array of shape {x.shape}"
            raise InputError(f"{what}; wanted uint8 (H, W, 3)")
        known = isinstance(x, str | bytes | os.PathLike | np.ndarray) or hasattr(x, "convert")
        if x is not None and not known:
            raise InputError(f"image {n} is {_named(x)}; wanted {_PICTURES}, or None for no image")
        images.append(x)
    return images


def texts_of(text: Iterable[Any]) -> list[str | None]:
    """The entries of `text`; an `InputError` names the place of what is no text."""
    texts: list[str | None] = []
    for n, x in enumerate(_entries("text", text)):
        if x is not None and not isinstance(x, str):
            raise InputError(f"text {n} is {_named(x)}; wanted a text, or None for no text")
        texts.append(x if x is None else str(x))
    return texts


def _entries(name: str, value: Any) -> Iterable[Any]:
    """The entries of a value, also of arrays and Series, whose truth must not be asked for."""
    if isinstance(value, str | bytes | bytearray | os.PathLike) or hasattr(value, "convert"):
        raise InputError(f"{name} is {_named(value)}: image and text are lists, one entry a sample")
    if hasattr(type(value), "columns") or isinstance(value, Mapping):
        raise InputError(f"{name} is a table; give one of its columns, such as {name}=table[NAME]")
    if isinstance(value, Set):
        raise InputError(f"{name} is a set, which has no order; {_ONE}")
    try:
        entries = iter(value)
    except TypeError:
        raise InputError(f"{name} is {_named(value)}; {_ONE}") from None
    # Arrow's entries are scalars of its own kind.
    return (x.as_py() if hasattr(x, "as_py") else x for x in entries)


def _named(x: Any) -> str:
    """A few words on what an entry is."""
    kind = type(x).__name__
    if kind in ("NAType", "NaTType") or (isinstance(x, float | np.floating) and x != x):
        return "NaN, as tables have it where a value is missing (None is meant)"
    if isinstance(x, bool | np.bool_):
        return f"the truth value {bool(x)}"
    if isinstance(x, int | float | np.number):
        return f"the number {x!s:.40}"
    if isinstance(x, str):
        return "one text"
    if isinstance(x, bytes | bytearray):
        return "bytes"
    if isinstance(x, os.PathLike):
        return "a path"
    if isinstance(x, list | tuple | np.ndarray):
        return f"a {kind} of {len(x) if getattr(x, 'ndim', 1) else 0} entries"
    return f"a {kind}"


def _holds_objects(array: Any) -> bool:
    return getattr(getattr(array, "dtype", None), "kind", "") in ("O", "U", "S", "T")


def _is_picture(x: "np.ndarray[Any, Any]") -> bool:
    """Does Pillow take it, as bytes of one to four channels, or one channel of other numbers?"""
    if x.ndim == 3:
        return x.dtype == np.uint8 and x.size > 0 and x.shape[2] in (2, 3, 4)
    return x.ndim == 2 and x.size > 0 and x.dtype.kind in "buif"
