"""Errors: what they say, and how little of what others wrote they repeat."""

import pickle

import pytest

from gcl_spec import errors
from gcl_spec.errors import GclError, InputError, NoPairError


@pytest.mark.parametrize("name", sorted(set(errors.__all__) - {"GclError", "StoppedError"}))
def test_all_are_of_one_family_and_of_a_builtin_kind(name: str) -> None:
    kind = getattr(errors, name)
    assert issubclass(kind, GclError)
    assert str(kind("what, where; way out")) == "what, where; way out"


def test_control_characters_are_shown_by_their_escapes() -> None:
    assert str(GclError("a\x1b[31mb")) == "a\\x1b[31mb"


def test_a_long_message_loses_its_middle() -> None:
    text = str(GclError("begin " + "x" * 10**6 + " end"))
    assert len(text) < 10_000
    assert text.startswith("begin ")
    assert text.endswith(" end")


@pytest.mark.parametrize("kind", [InputError, NoPairError])
def test_advice_to_callers_stands_apart_from_what_is_wrong(kind: type[InputError]) -> None:
    error = kind("row 3 is zero", advice="normalise first")
    for found in (error, pickle.loads(pickle.dumps(error))):
        assert (str(found), found.what) == ("row 3 is zero; normalise first", "row 3 is zero")
    assert (str(kind("wrong")), kind("wrong").what) == ("wrong", "wrong")
