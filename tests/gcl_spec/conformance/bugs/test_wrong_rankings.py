"""Every known bug of retrieval metrics is noticed."""

import pytest

from gcl_spec import registry
from gcl_spec.conformance.bugs.self_test import self_test_rankings
from gcl_spec.conformance.bugs.wrong_rankings import RANKING_BUGS

REFERENCE = registry.load("reference")


def test_every_bug_is_noticed() -> None:
    found = {catch.bug: catch.case for catch in self_test_rankings(REFERENCE, REFERENCE)}
    assert len(found) == len(RANKING_BUGS) >= 35
    assert None not in found.values(), found
    assert found["metrics: left out ignored"] == "left out, 0"
    assert found["metrics: no relevant is 0"] == "no relevant"


@pytest.mark.parametrize("word", ["too small", "hit for recall", "ties by place", "dropped", "NaN"])
def test_the_bugs_of_the_field_are_there(word: str) -> None:
    assert any(word in name for name in RANKING_BUGS)


def test_what_is_right_is_not_noticed() -> None:
    right = {"right": lambda asked, answer: answer(asked)}
    assert [catch.case for catch in self_test_rankings(REFERENCE, REFERENCE, right)] == [None]
