"""Finds equal rows, and groups of rows that are joined through equal ones."""

from collections.abc import Hashable, Iterable, Sequence

import numpy as np

from gcl_spec._typing import BoolArray, FloatArray, IntArray

__all__ = ["class_ids", "connected", "first_equal", "linked_ids"]

_ROWS = 4096  # the rows that are hashed at a time, so that millions are never copied


def first_equal(x_NF: FloatArray, known_N: BoolArray) -> IntArray:
    """For each row, the first row with the same float32 bytes.

    Rows are compared by a hash of 64 bits: among a million different rows, two have the same hash
    in one of 4e7 cases.

    Args:
        x_NF: the rows, (N, F).
        known_N: the rows that are compared, (N,); the others equal only themselves.

    Returns:
        Row numbers, (N,).

    >>> first_equal(np.asarray([[1.0], [2.0], [1.0], [1.0]]), np.asarray([True, True, True, False]))
    array([0, 1, 0, 3])
    """
    weights_F = np.random.default_rng(0).integers(2**63, size=x_NF.shape[1], dtype=np.uint64) | 1
    hashes_N = np.zeros(len(x_NF), np.uint64)
    for start in range(0, len(x_NF), _ROWS):
        with np.errstate(over="ignore"):
            part = np.ascontiguousarray(x_NF[start : start + _ROWS], np.float32)
        # The bits are mixed, since those of short floats end in zeros, and so would their sums.
        mixed = part.view(np.uint32).astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)
        mixed ^= mixed >> np.uint64(29)
        hashes_N[start : start + _ROWS] = mixed @ weights_F
    first_N = np.arange(len(x_NF))
    _, first, inverse = np.unique(hashes_N[known_N], return_index=True, return_inverse=True)
    first_N[known_N] = first_N[known_N][first[inverse]]
    return first_N


def connected(firsts: Sequence[IntArray]) -> IntArray:
    """For each row, the least row that it is joined with, directly or through other rows.

    Args:
        firsts: relations of N rows, (N,) each, as `first_equal` gives them: a row number for each
            row, which is the same for rows that belong together.

    Returns:
        Row numbers, (N,).

    >>> connected([np.asarray([0, 0, 2, 3]), np.asarray([0, 1, 1, 3])])
    array([0, 0, 0, 3])
    """
    label_N = np.arange(len(firsts[0]))
    while True:
        before_N = label_N
        for first_N in firsts:
            least_N = np.full_like(label_N, len(label_N))
            np.minimum.at(least_N, first_N, label_N)
            label_N = least_N[first_N]
        label_N = label_N[label_N]
        if np.array_equal(label_N, before_N):
            return label_N


def class_ids(concepts: Sequence[str], captions: Sequence[str | None]) -> IntArray:
    """Ids (B,) of the samples of a batch, equal for samples that share a concept or a caption.

    Such samples answer to the same query, so they are not each other's negatives.

    >>> class_ids(["dog", "cat", "dog", "puma"], ["a dog", "a cat", "a pup", "a cat"])
    array([0, 1, 0, 1])
    """
    pairs = zip(concepts, captions, strict=True)
    return linked_ids(
        [[("concept", a), *([] if b is None else [("caption", b)])] for a, b in pairs]
    )


def linked_ids(keys: Sequence[Iterable[Hashable]]) -> IntArray:
    """For each of N things, the least number of those that it is linked with, (N,).

    Two things are linked where they share a key, and where both are linked with a third.

    Args:
        keys: the keys of each thing.

    >>> linked_ids([["a"], ["b"], ["a", "c"], ["c"]])
    array([0, 1, 0, 0])
    """
    parent = list(range(len(keys)))

    def find(i: int) -> int:
        while parent[i] != i:
            parent[i] = parent[parent[i]]
            i = parent[i]
        return i

    first: dict[Hashable, int] = {}
    for i, own in enumerate(keys):
        for key in own:
            a, b = find(i), find(first.setdefault(key, i))
            parent[max(a, b)] = min(a, b)
    return np.asarray([find(i) for i in range(len(keys))], np.int64)
