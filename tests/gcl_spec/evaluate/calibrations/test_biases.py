"""The bank and standard scores as appended numbers, by their definitions."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gapped_rows import MODALITIES, drawn, seeds
from gcl_spec.evaluate.calibrations.biases import Bank, Standard
from gcl_spec.evaluate.calibrations.rows import Rows, same_roles


@settings(max_examples=10, deadline=None)
@given(seeds, st.integers(1, 60))
def test_appended_biases_are_the_bank(seed: int, k: int) -> None:
    rows = drawn(seed)
    references = {name: rows[name].whole for name in MODALITIES}
    bank = Bank(references, k)
    candidates = rows["text"]
    for name in MODALITIES:
        queries = rows[name].whole
        found = bank.apply(rows[name], "query") @ bank.apply(candidates, "candidate").T
        near = np.sort(candidates.whole @ references[name].T, axis=1)[:, ::-1][:, :k].mean(axis=1)
        np.testing.assert_allclose(found, queries @ candidates.whole.T - 0.5 * near, atol=1e-12)


@settings(max_examples=10, deadline=None)
@given(seeds)
def test_standard_scores(seed: int) -> None:
    rows = drawn(seed)
    standard = Standard.fit(same_roles(rows))
    for candidates in rows.values():
        c = standard.apply(candidates, "candidate")
        scores = [standard.apply(rows[name], "query") @ c.T for name in MODALITIES]
        for one in scores:
            assert abs(one.mean()) < 1e-9
        every = np.concatenate(scores)
        assert (every.mean(), every.std()) == (pytest.approx(0, abs=1e-9), pytest.approx(1))


def test_equal_scores_are_not_scaled_by_their_rounding() -> None:
    """Rows of a collapsed model, whose variance in float64 is of the size of rounding."""
    for x_D in drawn(0)["text"].whole.astype(np.float32):
        one = Rows.single("text", np.tile(x_D.astype(np.float64), (3, 1)))
        made = Standard.fit(same_roles({"text": one})).apply(one, "candidate")
        np.testing.assert_allclose(made[:, :-1], one.whole)
