"""The fixed cases of retrieval metrics are what their names say."""

import numpy as np

from gcl_spec.conformance.cases.rankings import METRICS, ranking_cases, thorough_rankings

CASES = {case.name: case for case in thorough_rankings(2, 0)}


def test_names_and_shapes() -> None:
    assert len({case.name for case in ranking_cases()}) == len(ranking_cases()) == len(CASES) - 3
    for case in CASES.values():
        shapes = {
            x.shape for x in (case.scores_QC, case.relevant_QC, case.left_out_QC, case.gains_QC)
        }
        assert shapes == {(1, 1) if case.name == "one candidate" else (3, 12)}, case.name
    assert any(int(name.partition("@")[2] or 0) > 12 for name in METRICS)


def test_they_try_what_they_say() -> None:
    assert len(np.unique(CASES["no ties"].scores_QC)) == 36
    assert len(np.unique(CASES["all scores equal"].scores_QC)) == 1
    assert CASES["negative scores and 0"].scores_QC.max() == 0
    zeros = CASES["zeros of both signs"].scores_QC
    assert set(np.signbit(zeros).ravel()) == {True, False}
    both = CASES["relevant ones are left out, too"]
    assert (both.relevant_QC & both.left_out_QC).sum() > 3
    assert CASES["no relevant"].relevant_QC.any(axis=1).tolist() == [True, False, True]
    spared = CASES["NaN where left out"]
    assert np.isnan(spared.scores_QC).any()
    assert not np.isnan(spared.scores_QC[spared.relevant_QC | ~spared.left_out_QC]).any()
    for value in ("nan", "inf", "-inf"):
        assert not np.isfinite(CASES[f"a score of {value}"].scores_QC[2]).all()
    graded = CASES["grades, ties"]
    assert all(len({*graded.gains_QC[q][graded.relevant_QC[q]]}) > 1 for q in range(3))
    assert CASES["gains below 1"].gains_QC.max() < 1
    for value in ("0.0", "-1.0", "nan", "inf"):
        wrong = CASES[f"a gain of {value}"]
        fine_QC = np.isfinite(wrong.gains_QC) & (wrong.gains_QC > 0)
        assert (wrong.relevant_QC & ~fine_QC).any(axis=1).tolist() == [False, True, False]
