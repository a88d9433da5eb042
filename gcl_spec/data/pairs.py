"""Training samples: a picture and its captions."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from gcl_spec._typing import IntArray
from gcl_spec.data.jsonl import read_jsonl
from gcl_spec.data.root import Root
from gcl_spec.errors import DataError

__all__ = ["Sample", "class_ids", "clean_captions", "read_samples", "sample_of"]


@dataclass(frozen=True, slots=True)
class Sample:
    """One picture, or none, with its captions; samples of one concept are not negatives."""

    id: str
    image: str | None
    captions: tuple[str, ...]
    concept: str


def read_samples(root: Root, path: str) -> tuple[Sample, ...]:
    """Lines {"id", "image"?: path, "captions"?: [...], "concept"?: str} of a JSONL file.

    `concept` is the first caption where it is not given. Null and "" mean nothing, too; one caption
    may stand without a list.

    Raises:
        DataError: a malformed line, with file and line; a double id; no sample at all.
    """
    samples: dict[str, Sample] = {}
    for place, record in read_jsonl(root, path):
        sample = sample_of(place, record)
        if sample.id in samples:
            raise DataError(f"{place}: id {sample.id!r} stands on an earlier line too")
        samples[sample.id] = sample
    if not samples:
        raise DataError(f"{root.name}: {path} holds no sample")
    return tuple(samples.values())


def class_ids(concepts: Sequence[str], captions: Sequence[str | None]) -> IntArray:
    """An integer a sample of a batch, equal for samples of one concept or with one same caption.

    Such samples answer to the same query, so they are not each other's negatives.

    >>> class_ids(["dog", "cat", "dog", "puma"], ["a dog", "a cat", "a pup", "a cat"])
    array([0, 1, 0, 1])
    """
    parent = list(range(len(concepts)))

    def find(i: int) -> int:
        while parent[i] != i:
            i = parent[i]
        return i

    first: dict[tuple[str, str], int] = {}
    for i, (concept, caption) in enumerate(zip(concepts, captions, strict=True)):
        keys = [("concept", concept)] + ([] if caption is None else [("caption", caption)])
        for key in keys:
            a, b = find(i), find(first.setdefault(key, i))
            parent[max(a, b)] = min(a, b)
    return np.asarray([find(i) for i in range(len(concepts))], np.int64)


def sample_of(place: str, record: dict[str, object]) -> Sample:
    """The sample of one line; `DataError` where it is malformed."""
    name, image, concept = record.get("id"), record.get("image"), record.get("concept")
    if not isinstance(name, str) or not name:
        raise DataError(f"{place}: 'id' must be a text")
    if image is not None and not isinstance(image, str):
        raise DataError(f"{place}: 'image' must be a path relative to the data")
    captions = clean_captions(place, record.get("captions"))
    if concept is not None and not isinstance(concept, str):
        raise DataError(f"{place}: 'concept' must be a text")
    if not image and not captions:
        raise DataError(f"{place}: neither image nor captions")
    fallback = captions[0] if captions else name
    return Sample(name, image or None, captions, concept or fallback)


def clean_captions(place: str, value: object) -> tuple[str, ...]:
    """A text or a list of texts, without blank ones; none for null.

    >>> clean_captions("row 1", ["a dog ", "", None])
    ('a dog',)

    Raises:
        DataError: something else, or half a surrogate pair, which no tokenizer takes.
    """
    captions = []
    for text in value if isinstance(value, list | tuple) else (value,):
        if text is None:
            continue
        if not isinstance(text, str) or any("\ud800" <= char <= "\udfff" for char in text):
            raise DataError(f"{place}: captions must be texts, not {text!r:.80}")
        if text.strip():
            captions.append(text.strip())
    return tuple(captions)
