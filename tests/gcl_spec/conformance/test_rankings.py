"""`gcl verify-backends` on retrieval metrics."""

import json

import numpy as np
import pytest

from gcl_spec import registry
from gcl_spec.conformance.cases.rankings import ranking_cases, thorough_rankings
from gcl_spec.conformance.numpy_arrays import NumPyArrays
from gcl_spec.conformance.rankings import followed_by, verify_rankings
from gcl_spec.conformance.verify import Verdict

REFERENCE = registry.load("reference")


@pytest.mark.parametrize("name", ["numpy", "torch"])
def test_a_framework_agrees(name: str) -> None:
    backend = NumPyArrays() if name == "numpy" else registry.load(name)
    dtypes = ("float64", "float32") if name == "numpy" else ("float32", "bfloat16")
    found = verify_rankings([backend], REFERENCE, thorough_rankings(3, 0), dtypes=dtypes)
    assert found.agrees, [result.message for result in found.results if not result.agrees]
    assert {row.quantity for row in found.rows} == {"Recall@K"}
    assert {result.dtype for result in found.results} == set(dtypes)
    assert {result.masks for result in found.results} == {"none", "left out"}
    json.dumps(found.to_json(), allow_nan=False)


class Broken(NumPyArrays):
    """It gives what `answer` makes of the right metrics."""

    def __init__(self, answer) -> None:
        self.answer = answer

    def retrieval_metrics(self, scores_QC, relevant_QC, left_out_QC, gains_QC, /, metrics):
        given = (scores_QC, relevant_QC, left_out_QC, gains_QC)
        right = REFERENCE.retrieval_metrics(*given, metrics)
        return self.answer(right)


def off(right: np.ndarray) -> np.ndarray:
    right[2, 1, 0] += 0.25
    return right


def crash(right: np.ndarray) -> np.ndarray:
    raise RuntimeError("no memory")


def refuse(right: np.ndarray) -> np.ndarray:
    raise ValueError("I will not")


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (off, "expected recall@3 of query 0 is"),
        (crash, "it raises RuntimeError: no memory"),
        (refuse, "it is refused: I will not"),
        (lambda right: right[1:], "metrics are float64 of shape"),
        (lambda right: right.astype(np.float16), "metrics are float16"),
        (np.nan_to_num, ""),
    ],
)
def test_what_is_wrong_is_said(answer, message: str) -> None:
    cases = [case for case in ranking_cases() if case.name in ("no ties", "no relevant")]
    found = verify_rankings([Broken(answer)], REFERENCE, cases, dtypes=["float64"])
    wrong = [result for result in found.results if not result.agrees]
    assert wrong
    assert all(message in result.message for result in wrong[:1])
    assert {result.case for result in found.results} == {
        "ranking: no ties",
        "ranking: no relevant",
    }


def test_bfloat16_is_not_numpys() -> None:
    cases = ranking_cases()[:1]
    assert not verify_rankings([NumPyArrays()], REFERENCE, cases, dtypes=["bfloat16"]).results


def test_ctrl_c_keeps_what_was_found() -> None:
    def interrupted(right: np.ndarray) -> np.ndarray:
        raise KeyboardInterrupt

    cases = ranking_cases()[:2]
    found = verify_rankings([NumPyArrays(), Broken(interrupted)], REFERENCE, cases)
    assert found.interrupted
    assert {result.backend for result in found.results} == {"numpy"}
    both = followed_by(Verdict(found.results, 1.0), found)
    assert both.interrupted
    assert len(both.results) == 2 * len(found.results)
