"""Which cases a run has, in which order, and what is written of them."""

import pytest

from gcl_spec.bench import suite
from gcl_spec.bench.measure import Case
from gcl_spec.bench.suite import Described, Outcome, Settings, describe, plan, run_cases, to_json
from gcl_spec.errors import ConfigError, UnknownBackendError

ABLE = {"about": "a", "computes": "", "missing": ""}
CANDIDATES = {"plain": ABLE, "gram": ABLE, "peer": {**ABLE, "missing": "peer is not installed"}}
FAKE = Described("fake", "1", "cpu", CANDIDATES)


def order(settings: Settings) -> list[tuple[str, int]]:
    return [(case.candidate, case.batch) for case in plan(settings, [FAKE])]


def test_every_candidate_that_can_run_on_every_batch() -> None:
    settings = Settings(batches=(8, 4, 8), width=3)
    assert order(settings) == [("plain", 8), ("gram", 8), ("plain", 4), ("gram", 4)]
    assert {case.width for case in plan(settings, [FAKE])} == {3}


def test_what_is_asked_for_by_name() -> None:
    assert order(Settings(candidates=("peer", "plain", "peer"), batches=(4,))) == [
        ("peer", 4),
        ("plain", 4),
    ]
    assert order(Settings(candidates=("of another",), batches=(4,))) == []


def answering(answers: dict[str, dict]) -> object:
    return lambda what, case, timeout: answers[case.backend]


def test_backends_and_candidates_that_are_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    found = {"version": "1", "device": "cpu", "candidates": CANDIDATES}
    answers = {"torch": {"found": found}, "jax": {"error": "no"}}
    monkeypatch.setattr(suite, "ask", answering(answers))
    with pytest.raises(UnknownBackendError, match=r"no backend 'trch'; did you mean"):
        describe(Settings(backends=("trch",)))
    with pytest.raises(ConfigError, match="no candidate 'plane'; there are plain, gram, peer"):
        describe(Settings(backends=("torch",), candidates=("plane",)))
    with pytest.raises(ConfigError, match=r"^no$"):
        describe(Settings(backends=("jax",)))
    described, lines = describe(Settings())
    assert [backend.name for backend in described] == ["torch"]
    assert lines == ["not measured: no"]


def test_outcomes(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = Settings(batches=(4,))
    cases = plan(settings, [FAKE])

    def ask(what: str, case: Case, timeout: float) -> dict:
        assert (what, timeout) == ("measure", 9.0)
        return {"found": {"ms": 2.0}} if case.candidate == "plain" else {"error": "no room"}

    monkeypatch.setattr(suite, "ask", ask)
    outcomes = [*run_cases(cases, timeout=9.0)]
    assert outcomes == [Outcome(cases[0], {"ms": 2.0}), Outcome(cases[1], {}, "no room")]
    written = to_json(settings, [FAKE], outcomes)
    assert written["results"] == [
        {"backend": "fake", "candidate": "plain", "batch": 4, "error": "", "ms": 2.0},
        {"backend": "fake", "candidate": "gram", "batch": 4, "error": "no room"},
    ]
    assert written["settings"]["width"] == settings.width
