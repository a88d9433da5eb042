"""Fields of lines, checked."""

import pytest

from gcl_spec.errors import DataError
from gcl_spec.tasks.fields import id_of, text_of


def test_null_empty_and_absent_texts_are_none() -> None:
    for record in ({"a": None}, {"a": ""}, {}):
        assert text_of("f:1", record, "a") is None
    assert text_of("f:1", {"a": " b"}, "a") == " b"
    with pytest.raises(DataError, match=r"f:1: 'a' must be a text or null, not \['b'\]"):
        text_of("f:1", {"a": ["b"]}, "a")


def test_ids_are_texts_or_integers() -> None:
    assert [id_of("f:1", {"a": id}, "a") for id in ("b", 0, 7)] == ["b", "0", "7"]
    for id in (None, "", True, 1.0, ["b"]):
        with pytest.raises(DataError, match="f:1: 'a' must be a text or an integer, not"):
            id_of("f:1", {"a": id}, "a")
