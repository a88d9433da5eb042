"""Shifts of cosines, by the logits that a bias gives in the loss's own words."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gcl_spec.loss import contrastive_loss
from gcl_spec.loss.cosine_shifts import cosine_shifts
from gcl_spec.normalize import l2_normalize
from gcl_spec.objective import CLIP, GCL, Direction, Objective

SCALES = st.sampled_from(["one", "direction", "pair", "modality"])


def drawn(seed: int, scales: str, unit: str) -> tuple[Objective, np.ndarray, np.ndarray]:
    rule = replace(GCL, bias_unit=unit)
    rng = np.random.default_rng(seed)
    if scales != "one":
        rule = replace(rule, scales=scales)
    shape = () if scales == "one" else rule.scale_shape
    return rule, rng.uniform(0, 3, shape), rng.normal(size=(3, 3))


def scale_of(rule: Objective, log_scale: np.ndarray, query: str, target: str) -> float:
    """The scale of a direction, by the definitions in `Objective`."""
    m, n = rule.modalities.index(query), rule.modalities.index(target)
    if log_scale.ndim == 0:
        return float(np.exp(log_scale))
    if rule.scales == "direction":
        return float(
            np.exp(log_scale[[str(d) for d in rule.directions].index(f"{query}->{target}")])
        )
    if rule.scales == "pair":
        return float(np.exp(log_scale[m, n]))
    image, text = np.exp(-log_scale)
    of = {"image": image, "text": text, "image+text": (image + text) / 2}
    return float(2 / (of[query] + of[target]))


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1), SCALES, st.sampled_from(["logit", "cosine"]))
def test_scale_times_cosine_and_shift_is_the_logit(seed: int, scales: str, unit: str) -> None:
    rule, log_scale, bias = drawn(seed, scales, unit)
    found = cosine_shifts(rule, log_scale, bias)
    for d in rule.directions:
        m, n = rule.modalities.index(d.query), rule.modalities.index(d.target)
        scale = scale_of(rule, log_scale, d.query, d.target)
        logit = bias[m, n] if unit == "logit" else -scale * bias[m, n]
        assert scale * found[m, n] == pytest.approx(logit, rel=1e-12)
    for m in range(3):
        assert found[m, m] == pytest.approx((found[m].sum() - found[m, m]) / 2), "no direction"


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from(["logit", "cosine"]))
def test_the_loss_of_shifted_cosines_is_that_of_the_bias(seed: int, unit: str) -> None:
    """A pool of two samples' rows of one modality each, whose softmax is written out."""
    rule = replace(GCL, bias_unit=unit)
    rng = np.random.default_rng(seed)
    rows = {name: l2_normalize(rng.normal(size=(4, 5))) for name in ("image", "text")}
    rows["image+text"] = l2_normalize(rows["image"] + rows["text"])
    bias, log_scale = rng.normal(size=(3, 3)), rng.uniform(0, 2)
    shifts = cosine_shifts(rule, np.asarray(log_scale), bias, every=True)
    terms = []
    for d in rule.directions:
        m = rule.modalities.index(d.query)
        for b in range(4):
            scores, own = [], 0.0
            for n, name in enumerate(rule.modalities):
                for c in range(4):
                    if (n, c) != (m, b):
                        logit = np.exp(log_scale) * (
                            rows[d.query][b] @ rows[name][c] + shifts[m, n]
                        )
                        scores.append(logit)
                        own = logit if (name, c) == (d.target, b) else own
            terms.append(np.log(np.sum(np.exp(scores))) - own)
    given_rows = {name: rows[name] for name in ("image", "text")}
    want = contrastive_loss(given_rows, log_scale=log_scale, bias=bias, objective=rule)
    assert float(want) == pytest.approx(np.mean(terms), rel=1e-9)


def test_pairs_that_no_direction_asks_for() -> None:
    one_way = Objective(
        modalities=("image", "text", "image+text"),
        directions=(Direction("text", "image"), Direction("text", "image+text")),
    )
    bias = np.asarray([[1.0, 2.0, 3.0], [4.0, -90.0, 6.0], [7.0, 8.0, 9.0]])
    found = cosine_shifts(one_way, np.log(2.0), bias)
    np.testing.assert_allclose(found, [[0, 0, 0], [2, 2.5, 3], [0, 0, 0]])
    every = cosine_shifts(one_way, np.log(2.0), bias, every=True)
    np.testing.assert_allclose(every[1], [2, -45, 3])


def test_one_number_shifts_all_pairs_alike() -> None:
    np.testing.assert_allclose(cosine_shifts(CLIP, np.log(4.0), np.asarray(-10.0)), -2.5)
    twice = Objective(
        modalities=("a", "b"),
        directions=(Direction("a", "b", pool="target"), Direction("a", "b", pool="all")),
    )
    found = cosine_shifts(twice, np.log(np.asarray([2.0, 4.0])), np.asarray(1.0))
    np.testing.assert_allclose(found, [[0.375, 0.375], [0, 0]])
