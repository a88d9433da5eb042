"""Batches of one shape, so that a tower's output for an item does not depend on its neighbours.

A matrix product of another number of rows, or of texts padded to another length, sums in another
order: 68 of 300 texts had other last bits when the batches began five items later. In batches of
one shape no row changed, wherever it stood and whatever stood beside it.
"""

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from gcl_spec.batch import Batch
from gcl_spec.data.prepare.collate import Collate, assemble
from gcl_spec.data.sample import FILES

__all__ = ["fixed_batches"]

_LENGTH = 8  # texts are padded to the next multiple of this many tokens
_CHUNK = 512  # the number of texts that are tokenised at once to know their lengths


def fixed_batches(
    collate: Collate,
    kind: str,
    items: Sequence[str],
    size: int,
    bad: dict[str, str] | None = None,
) -> Iterator[tuple[Sequence[int], Batch]]:
    """Batches of `size` rows, each with the places in `items` of its first rows.

    The rows after them are repetitions. Texts of like length come together; their padded length, a
    multiple of 8, is that of the text alone.

    Args:
        collate: makes batches.
        kind: "image", "video" or "text".
        items: references to pictures or videos, or texts.
        size: rows of a batch.
        bad: takes the reason for each file that cannot be read.
    """
    groups: dict[int, list[int]] = {}
    for place, length in enumerate(_lengths(collate, kind, items)):
        groups.setdefault(length, []).append(place)
    for length, places in sorted(groups.items()):
        for start in range(0, len(places), size):
            part = places[start : start + size]
            chosen = [items[n] for n in part]
            filled = chosen + chosen[-1:] * (size - len(part))
            yield part, _batch(collate, kind, filled, length, bad)


def _lengths(collate: Collate, kind: str, items: Sequence[str]) -> Iterator[int]:
    if kind in FILES:
        yield from [0] * len(items)
        return
    for start in range(0, len(items), _CHUNK):
        part = list(items[start : start + _CHUNK])
        mask = collate({kind: part}).inputs["text/attention_mask"]
        yield from (-(-int(count) // _LENGTH) * _LENGTH for count in mask.sum(axis=1))


def _batch(
    collate: Collate, kind: str, items: list[str], length: int, bad: dict[str, str] | None
) -> Batch:
    if kind in FILES:
        return collate({kind: items}, bad=bad)
    inputs: dict[str, npt.NDArray[np.generic]] = {}
    for name, x in collate({kind: items}).inputs.items():
        inputs[name] = np.pad(x, ((0, 0), (0, length - x.shape[1])))
    return assemble(inputs, {kind: items}, None)
