"""A checksum tells apart every difference that a file could hold."""

import numpy as np

from gcl_spec._files.checksum import checksum

X = np.arange(6, dtype=np.float32)


def test_equal_content_has_one_checksum() -> None:
    one = {"a": X, "b": X[::-1]}
    assert checksum(one) == checksum({"b": X[::-1].copy(), "a": X.copy()}), "in any order"
    assert len(checksum(one)) == 64
    assert checksum({"a": X.reshape(2, 3).T}) == checksum({"a": X.reshape(2, 3).T.copy()})


def test_every_difference_counts() -> None:
    flipped = X.copy()
    flipped.view(np.uint8)[5] ^= 1
    found = [
        checksum(arrays, note)
        for arrays, note in (
            ({"a": X}, ""),
            ({"b": X}, ""),
            ({"a": X.reshape(2, 3)}, ""),
            ({"a": X.astype(np.float64)}, ""),
            ({"a": X.view(np.int32)}, ""),
            ({"a": flipped}, ""),
            ({"a": X}, "note"),
            ({"a": X[:0]}, ""),
            ({}, ""),
        )
    ]
    assert len(set(found)) == len(found)
