"""Fields of lines, checked."""

import pytest

from gcl_spec.errors import DataError
from gcl_spec.tasks.fields import check_names, id_of, text_of


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


def test_a_text_under_another_name_is_missed() -> None:
    names = {"text": ("body",), "title": ()}
    for record in ({"text": "a", "Text": "b"}, {"text": "a", "x": 1}, {"Body": ""}, {"title": "a"}):
        check_names("f:1", record, names)
    for key, name in (("Text", "text"), (" body", "text"), ("TITLE", "title")):
        with pytest.raises(DataError, match=f"f:1: '{key}' is not a known name, and there is no"):
            check_names("f:1", {key: "a", name: ""}, names)
