"""Matched moments and white covariances, by their definitions."""

import numpy as np
import pytest
from hypothesis import given, settings

from gapped_rows import MODALITIES, drawn, seeds
from gcl_spec.evaluate.calibrations.align import ReAlign, Whiten
from gcl_spec.evaluate.calibrations.rows import Rows, same_roles


@settings(max_examples=10, deadline=None)
@given(seeds)
def test_whitened_covariance_is_the_identity(seed: int) -> None:
    rows = drawn(seed)
    whiten = Whiten.fit(same_roles(rows))
    white_ND = np.concatenate([whiten.white(rows[name], "query") for name in MODALITIES])
    np.testing.assert_allclose(white_ND.T @ white_ND / len(white_ND), np.eye(6), atol=1e-9)


def test_whitening_leaves_out_what_does_not_vary() -> None:
    rows = Rows.single("image", np.random.default_rng(0).normal(size=(4, 6)))
    whiten = Whiten.fit(same_roles({"image": rows}))
    white_ND = whiten.white(rows, "query")
    values = np.linalg.eigvalsh(white_ND.T @ white_ND / 4)
    np.testing.assert_allclose(values, [0, 0, 0, 1, 1, 1], atol=1e-9)
    alike = Rows.single("image", np.ones((3, 6)))
    assert not Whiten.fit(same_roles({"image": alike})).apply(alike, "query").any()


@settings(max_examples=10, deadline=None)
@given(seeds)
def test_means_and_traces_are_matched(seed: int) -> None:
    rows = drawn(seed)
    align = ReAlign.fit(same_roles(rows))
    image = rows["image"].whole
    for one in rows.values():
        moved = align.moved(one, "candidate")
        np.testing.assert_allclose(moved.mean(0), image.mean(0), atol=1e-12)
        assert moved.var(axis=0).sum() == pytest.approx(image.var(axis=0).sum())


def test_rows_that_are_equal_are_moved_but_not_spread() -> None:
    for count in (1, 6, 7):
        rows = drawn(count)
        equal = Rows.single("text", np.tile(rows["text"].whole[:1], (count, 1)))
        align = ReAlign.fit(same_roles({"image": rows["image"], "text": equal}))
        wanted = np.tile(rows["image"].whole.mean(0), (count, 1))
        np.testing.assert_allclose(align.moved(equal, "query"), wanted, atol=1e-12)
