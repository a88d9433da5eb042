"""The worker answers one request, and what a candidate raises is an answer."""

from typing import Any

import pytest

from gcl_spec import registry
from gcl_spec.backend import Candidate
from gcl_spec.bench import worker
from gcl_spec.errors import InputError


class Bench:
    version = "7"

    def candidates(self) -> dict[str, Candidate]:
        def prepare(inputs: Any, objective: Any) -> Any:
            raise MemoryError("\n  no room for logits\nsecond line")

        return {
            "fails": Candidate(prepare, "about", "clip"),
            "missing": Candidate(prepare, "about", missing="peer is not installed"),
        }


class Backend:
    def devices(self) -> list[str]:
        return ["cpu"]

    def bench(self, **options: Any) -> Bench:
        assert options == {"device": "cpu", "dtype": "float32", "threads": 1}
        return Bench()


def answer(monkeypatch: pytest.MonkeyPatch, what: str, candidate: str = "") -> dict[str, Any]:
    monkeypatch.setattr(registry, "load_bench", lambda name: Backend())
    case = {
        "backend": "fake", "candidate": candidate, "batch": 4, "width": 3, "dtype": "float32",
        "device": None, "threads": 1, "repeats": 1, "objective": "gcl",
    }  # fmt: skip
    return worker._answer({"do": what, "case": case})


def test_candidates_are_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    found = answer(monkeypatch, "list")["found"]
    assert (found["version"], found["device"]) == ("7", "cpu")
    assert found["candidates"]["fails"] == {"about": "about", "computes": "clip", "missing": ""}


@pytest.mark.parametrize(
    ("candidate", "error", "kind"),
    [
        ("fails", "no room for logits", "MemoryError"),
        ("missing", "peer is not installed", InputError.__name__),
        ("unknown", "'unknown'", "KeyError"),
    ],
)
def test_an_error_is_one_line(
    monkeypatch: pytest.MonkeyPatch, candidate: str, error: str, kind: str
) -> None:
    assert answer(monkeypatch, "measure", candidate) == {"error": error, "kind": kind}
