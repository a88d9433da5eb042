"""What `load_run(...).encode` takes: every kind of column, and a name for what is no entry."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image

from gcl_spec.embed.encode import pairs_of
from gcl_spec.errors import InputError

PICTURE = np.zeros((4, 5, 3), np.uint8)


class Series:
    """As pandas: iterable, with a shape, without a truth value or a list's indices."""

    def __init__(self, *values: Any) -> None:
        self.values, self.shape = values, (len(values),)

    def __bool__(self) -> bool:
        raise ValueError("The truth value of a Series is ambiguous.")

    def __len__(self) -> int:
        return len(self.values)

    def __iter__(self) -> Iterator[Any]:
        return iter(self.values)


class NAType:
    def __bool__(self) -> bool:
        raise TypeError("boolean value of NA is ambiguous")

    def __eq__(self, other: object) -> bool:
        raise TypeError("boolean value of NA is ambiguous")

    __hash__ = None  # type: ignore[assignment]


TEXTS = [
    ["a", None],
    ("a", None),
    np.array(["a", None], object),
    Series("a", None),
    (x for x in ("a", None)),
    {"a": "a", "b": None}.values(),
    pa.array(["a", None]),
    pa.chunked_array([["a"], [None]], pa.string()),
]


@pytest.mark.parametrize("texts", TEXTS, ids=lambda x: type(x).__name__)
def test_columns_of_texts(texts: Any) -> None:
    images, found = pairs_of([None, Path("x.png")], texts)
    assert found == ["a", None]
    assert images == [None, Path("x.png")]
    assert all(type(x) in (str, type(None)) for x in found)


def test_arrays_of_texts_and_pictures() -> None:
    assert pairs_of(None, np.array(["a", "bc"])) == ([None, None], ["a", "bc"])
    many, _ = pairs_of(np.stack([PICTURE, PICTURE + 1]), None)
    assert [np.asarray(x).shape for x in many] == [PICTURE.shape] * 2
    entries = ["a.png", Path("a.png"), b"png", bytearray(b"png"), memoryview(b"png"), PICTURE,
               PICTURE[:, :, 0], Image.new("RGB", (4, 4))]  # fmt: skip
    for make in (list, tuple, iter, lambda x: Series(*x)):
        found, texts = pairs_of(make(entries), None)
        assert texts == [None] * len(entries)
        assert found[2:5] == [b"png"] * 3


TEXT_ERRORS = {
    "NaN": (["a", float("nan")], "text 1 is NaN"),
    "numpy NaN": (np.array(["a", np.nan], object), "text 1 is NaN"),
    "NA": (Series("a", NAType()), "text 1 is NaN"),
    "number": ([2024], "text 0 is the number 2024"),
    "numbers": (np.arange(2), "text 0 is the number 0"),
    "truth value": (["a", True], "text 1 is the truth value True"),
    "list": (["a", ["b"]], "text 1 is a list of 1 entries"),
    "bytes": (["a", b"b"], "text 1 is bytes"),
    "path": ([Path("a")], "text 0 is a path"),
    "dict": ([{"text": "a"}], "text 0 is a dict"),
    "one text": ("abc", "lists, one entry a sample"),
    "one number": (3.5, "text is the number 3.5"),
    "table": ({"text": ["a"]}, "text is a table"),
    "set": ({"a", "b"}, "has no order"),
    "nothing": ([], "there is no sample"),
    "no axis": (np.array("a"), "text is a ndarray of 0 entries"),
}


@pytest.mark.parametrize("case", TEXT_ERRORS)
def test_texts_that_are_none(case: str) -> None:
    value, message = TEXT_ERRORS[case]
    with pytest.raises(InputError) as caught:
        pairs_of(None, value)
    assert message in str(caught.value)


IMAGE_ERRORS: dict[str, tuple[Any, str]] = {
    "one picture": (PICTURE, "a single picture?"),
    "one grey picture": (PICTURE[:, :, 0], "a single picture?"),
    "one Pillow image": (Image.new("RGB", (4, 4)), "lists, one entry a sample"),
    "one content": (b"png", "lists, one entry a sample"),
    "one path": (Path("a.png"), "lists, one entry a sample"),
    "channels first": ([np.moveaxis(PICTURE, 2, 0)], "image 0 is a uint8 array of shape (3, 4, 5)"),
    "floats": ([PICTURE, PICTURE / 255], "image 1 is a float64 array of shape (4, 5, 3)"),
    "no pixels": ([PICTURE[:0]], "shape (0, 5, 3)"),
    "NaN": (["a.png", float("nan")], "image 1 is NaN"),
    "number": ([7], "image 0 is the number 7"),
    "list": ([["a.png"]], "image 0 is a list of 1 entries"),
    "dict": ([{"bytes": b""}], "image 0 is a dict"),
}


@pytest.mark.parametrize("case", IMAGE_ERRORS)
def test_pictures_that_are_none(case: str) -> None:
    value, message = IMAGE_ERRORS[case]
    with pytest.raises(InputError) as caught:
        pairs_of(value, None)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_lengths_and_missing_samples() -> None:
    for images, texts, message in (
        (["a.png"], ["a", "b"], "1 images and 2 texts"),
        ([None, "a.png"], [None, "b"], "sample 0 has neither"),
        (None, None, "give image="),
    ):
        with pytest.raises(InputError, match=message):
            pairs_of(images, texts)
