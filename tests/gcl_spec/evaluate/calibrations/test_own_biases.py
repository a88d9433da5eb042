"""A run's own biases as appended numbers, by their definition."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gapped_rows import MODALITIES, drawn, seeds
from gcl_spec.errors import ConfigError, InputError
from gcl_spec.evaluate.calibrations.known import BIAS, Chain, fit, from_arrays
from gcl_spec.evaluate.calibrations.own_biases import OwnBiases
from gcl_spec.evaluate.calibrations.rows import Rows, same_roles


def pool(made: OwnBiases, seed: int, query: str) -> tuple[np.ndarray, np.ndarray]:
    """The cosines of queries with a pool of all modalities, and the scores with the biases."""
    rows = drawn(seed)
    plain = np.concatenate([rows[name].whole for name in MODALITIES])
    moved = np.concatenate([made.apply(rows[name], "candidate") for name in MODALITIES])
    asked = rows[query].whole
    return asked @ plain.T, made.apply(rows[query], "query") @ moved.T


@settings(max_examples=20, deadline=None)
@given(seeds, st.sampled_from(MODALITIES))
def test_scores_are_cosines_and_the_shift_of_the_pair(seed: int, query: str) -> None:
    shifts = np.random.default_rng(seed).normal(size=(3, 3))
    cosines, scores = pool(OwnBiases.of(MODALITIES, shifts), seed, query)
    of_pool = [n for n, name in enumerate(MODALITIES) for _ in drawn(seed)[name].whole]
    wanted = cosines + shifts[MODALITIES.index(query), of_pool]
    np.testing.assert_allclose(scores, wanted, atol=1e-12)


@settings(max_examples=20, deadline=None)
@given(seeds, st.sampled_from(MODALITIES), st.floats(-2, 2))
def test_one_bias_of_all_pairs_changes_no_ranking(seed: int, query: str, shift: float) -> None:
    cosines, scores = pool(OwnBiases.of(MODALITIES, np.full((3, 3), shift)), seed, query)
    np.testing.assert_allclose(scores - shift, cosines, atol=1e-12)
    order = np.argsort(-cosines, axis=1)
    assert np.all(np.diff(np.take_along_axis(scores, order, axis=1), axis=1) <= 1e-12)


def test_its_state_makes_it_again_in_any_library() -> None:
    import array_api_strict
    import torch

    made = Chain(BIAS, (OwnBiases.of(MODALITIES, np.arange(9.0).reshape(3, 3)),))
    again = from_arrays(BIAS, made.arrays())
    rows = drawn(1)["image+text"]
    for role in ("query", "candidate"):
        wanted = made.apply(rows, role)  # type: ignore[arg-type]
        assert wanted.shape == (len(rows.whole), 6 + made.appended)
        for make in (np.asarray, torch.asarray, array_api_strict.asarray):
            one = Rows("image+text", make(rows.whole), {})
            np.testing.assert_array_equal(np.asarray(again.apply(one, role)), wanted)  # type: ignore[arg-type]


def test_names_of_fused_modalities_are_those_of_items() -> None:
    made = OwnBiases.of(("video", "text", "video+text"), np.zeros((3, 3)))
    assert made.modalities == ("video", "text", "text+video")


def test_what_it_has_no_number_for_is_refused() -> None:
    made = OwnBiases.of(("image", "text"), np.zeros((2, 2)))
    for role in ("query", "candidate"):
        with pytest.raises(InputError, match=r"biases of image, text.* none of image\+text"):
            made.apply(drawn(0)["image+text"], role)  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="'cfu\\+bias': bias is a run's own, and not fitted"):
        fit("cfu+bias", same_roles(drawn(0)))
