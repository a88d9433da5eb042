"""Every law of the objective, as a property of the neutral loss on NumPy."""

from dataclasses import replace
from math import log
from typing import Any

import array_api_strict
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gcl_spec.batch import embeddings
from gcl_spec.conformance.cases.fixed import Case
from gcl_spec.conformance.cases.strategies import cases
from gcl_spec.conformance.laws import rotation
from gcl_spec.loss.equation import LossTerms, contrastive_loss, gcl_loss, mean_term
from gcl_spec.loss.stacked import stacked_loss, stacked_terms
from gcl_spec.normalize import l2_normalize
from gcl_spec.objective import CLIP, GCL, PAIRWISE, Direction, Objective, all_directions


def loss_of(case: Case, **changes: Any) -> float:
    case = replace(case, **changes)
    return float(
        stacked_loss(
            case.z_MBD,
            case.log_scale,
            objective=case.objective,
            present_MB=case.present,
            ids_B=case.ids,
        )
    )


def unit_rows(seed: int, *shape: int) -> np.ndarray[Any, Any]:
    return l2_normalize(np.random.default_rng(seed).normal(size=shape))


@given(cases(unit=True, masked=False, family=False))
def test_lower_bounds_of_gcl(case: Case) -> None:
    gcl = replace(case.objective, directions=(), pool="all")
    count = len(gcl.modalities)
    least = {
        ("mask", "keep"): log(count - 1),
        ("keep", "keep"): log(count),
        ("mask", "drop"): 0.0,
        ("keep", "drop"): log(2),
    }[gcl.self_term, gcl.same_sample]
    # The positives share one softmax; that their mean is at most its share is Jensen's inequality.
    if gcl.same_sample == "keep":
        assert loss_of(case, objective=gcl) >= least - 1e-12
    else:
        assert loss_of(case, objective=gcl) >= 0.0


def test_lower_bounds_are_reached_by_one_sample_of_equal_embeddings() -> None:
    row = np.ones((3, 1, 4)) / 2
    assert float(stacked_loss(row, 3.0, objective=GCL)) == pytest.approx(log(2), abs=1e-14)
    keep, drop = Objective(self_term="keep"), Objective(same_sample="drop")
    assert float(stacked_loss(row, 3.0, objective=keep)) == pytest.approx(log(3), abs=1e-14)
    assert float(stacked_loss(row, 3.0, objective=drop)) == pytest.approx(0.0, abs=1e-14)


@given(cases(), st.randoms(use_true_random=False))
def test_samples_may_be_permuted(case: Case, random: Any) -> None:
    order = list(range(case.z_MBD.shape[1]))
    random.shuffle(order)
    shuffled = loss_of(
        case,
        z_MBD=case.z_MBD[:, order],
        present=None if case.present is None else case.present[:, order],
        ids=None if case.ids is None else case.ids[order],
    )
    assert shuffled == pytest.approx(loss_of(case), rel=1e-10, abs=1e-12)


@given(cases(family=False))
def test_modalities_may_be_permuted(case: Case) -> None:
    names = case.objective.modalities
    turned = replace(case.objective, modalities=names[::-1])
    present = None if case.present is None else case.present[::-1]
    other = loss_of(case, z_MBD=case.z_MBD[::-1], objective=turned, present=present)
    assert other == pytest.approx(loss_of(case), rel=1e-10, abs=1e-12)


@given(st.permutations(range(6)), st.sampled_from(["softmax", "hard", "sigmoid"]))
def test_directions_in_another_order_have_their_terms_in_that_order(
    order: list[int], kind: str
) -> None:
    """Directions that share a softmax need not stand together, and each keeps its weight."""
    weights = (1.0, 2.0, 0.5, 3.0, 1.5, 0.25)
    each = [replace(d, weight=w) for d, w in zip(GCL.directions, weights, strict=True)]
    more = {"softmax": {}, "hard": {"hardness": 2.0}, "sigmoid": {"loss": "sigmoid"}}[kind]
    rule = replace(GCL, directions=tuple(each), **more)
    turned = replace(rule, directions=tuple(each[t] for t in order))
    z = unit_rows(0, 3, 4, 5)
    want, found = (stacked_terms(z, 1.0, objective=one).values for one in (rule, turned))
    np.testing.assert_allclose(found, want[order], rtol=1e-12)
    loss = [float(stacked_loss(z, 1.0, objective=one)) for one in (rule, turned)]
    assert loss[1] == pytest.approx(loss[0], rel=1e-12)


@given(cases(), st.integers(0, 2**32 - 1))
def test_one_rotation_of_all_changes_nothing(case: Case, seed: int) -> None:
    turn = rotation(np.random.default_rng(seed), case.z_MBD.shape[2])
    assert loss_of(case, z_MBD=case.z_MBD @ turn) == pytest.approx(
        loss_of(case), rel=1e-8, abs=1e-9
    )


@given(cases(masked=False, family=False))
def test_row_form(case: Case) -> None:
    """L = 1/(MB) sum LSE - 1/(|P|B) sum of positives: one log-sum-exp serves all directions."""
    gcl = Objective(modalities=case.objective.modalities)
    modalities, _, width = case.z_MBD.shape
    rows = case.z_MBD.reshape(-1, width)
    scores = np.exp(case.log_scale) * rows @ rows.T
    np.fill_diagonal(scores, -np.inf)
    log_sums = np.logaddexp.reduce(scores, axis=1).mean()
    positives = [
        np.exp(case.log_scale) * (case.z_MBD[a] * case.z_MBD[b]).sum(-1).mean()
        for a in range(modalities)
        for b in range(modalities)
        if a != b
    ]
    want = log_sums - np.mean(positives)
    assert loss_of(case, objective=gcl) == pytest.approx(want, rel=1e-9, abs=1e-9)


@given(cases(masked=False))
def test_a_row_that_is_not_present_is_a_row_that_does_not_exist(case: Case) -> None:
    batch = case.z_MBD.shape[1]
    longer = np.concatenate([case.z_MBD, np.full_like(case.z_MBD[:, :1], np.nan)], axis=1)
    present = np.ones(longer.shape[:2], bool)
    present[:, -1] = False
    masked = loss_of(case, z_MBD=longer, present=present)
    assert masked == pytest.approx(loss_of(case), rel=1e-12, abs=1e-13)
    terms = stacked_terms(longer, case.log_scale, objective=case.objective, present_MB=present)
    assert not terms.valid[:, batch].any()
    assert np.all(terms.values[:, batch] == 0)


@given(cases(masked=False))
def test_distinct_ids_change_nothing(case: Case) -> None:
    ids = np.arange(case.z_MBD.shape[1])[::-1].copy() * 7
    assert loss_of(case, ids=ids) == pytest.approx(loss_of(case), rel=1e-12, abs=1e-13)


@given(cases(masked=False))
def test_both_balances_are_equal_when_every_row_is_present(case: Case) -> None:
    by_pair = replace(case.objective, balance="pair")
    by_direction = replace(case.objective, balance="direction")
    assert loss_of(case, objective=by_pair) == pytest.approx(
        loss_of(case, objective=by_direction), rel=1e-12, abs=1e-13
    )


@given(cases())
def test_weights_are_relative(case: Case) -> None:
    doubled = tuple(replace(d, weight=2 * d.weight) for d in case.objective.directions)
    other = replace(case.objective, directions=doubled)
    factor = 2 if case.objective.reduction == "sum" else 1
    want = factor * loss_of(case)
    assert loss_of(case, objective=other) == pytest.approx(want, rel=1e-12, abs=1e-13)


def test_direction_balance_keeps_a_rare_direction() -> None:
    z = unit_rows(0, 2, 6, 8)
    present = np.ones((2, 6), bool)
    present[1, 1:] = False
    lonely = Objective(modalities=("image", "text"), balance="direction", duplicates="positive")
    terms = stacked_terms(z, 1.0, objective=lonely, present_MB=present)
    assert float(mean_term(terms, lonely)) == pytest.approx(terms.values[terms.valid].mean())
    made = LossTerms(
        np.asarray([[1.0, 1.0], [5.0, 0.0]]), np.asarray([[True, True], [True, False]])
    )
    assert float(mean_term(made, lonely)) == pytest.approx(3.0)
    assert float(mean_term(made, replace(lonely, balance="pair"))) == pytest.approx(7 / 3)


def test_equal_captions_are_not_negatives() -> None:
    image, text = unit_rows(1, 4, 6), unit_rows(2, 4, 6)
    text[3] = text[0]
    ids = np.asarray([0, 1, 2, 0])
    without = Objective(
        modalities=("image", "text"), pool="target", directions=(Direction("image", "text"),)
    )
    rows = {"image": image, "text": text}
    found = float(contrastive_loss(rows, log_scale=2.0, objective=without, ids=ids))
    scores = np.exp(2.0) * image @ text.T
    want = [
        np.logaddexp.reduce([scores[j, k] for k in range(4) if k == j or ids[k] != ids[j]])
        - scores[j, j]
        for j in range(4)
    ]
    assert found == pytest.approx(np.mean(want), rel=1e-12)
    positive = replace(without, duplicates="positive")
    found = float(contrastive_loss(rows, log_scale=2.0, objective=positive, ids=ids))
    want = [np.logaddexp.reduce(scores[j]) - scores[j, ids == ids[j]].mean() for j in range(4)]
    assert found == pytest.approx(np.mean(want), rel=1e-12)


def test_clip_is_the_usual_symmetric_cross_entropy() -> None:
    image, text = unit_rows(3, 5, 7), unit_rows(4, 5, 7)
    scores = np.exp(2.5) * image @ text.T
    rows = [np.logaddexp.reduce(s, axis=1) - np.diag(s) for s in (scores, scores.T)]
    found = gcl_loss(image, text, log_scale=2.5, objective=CLIP)
    assert float(found) == pytest.approx(np.mean(rows), rel=1e-12)


def test_fused_rows_are_the_normalised_sum_by_default() -> None:
    image, text = unit_rows(5, 4, 6), unit_rows(6, 4, 6)
    fused = l2_normalize(image + text)
    assert gcl_loss(image, text, log_scale=1.0) == gcl_loss(image, text, fused, log_scale=1.0)
    rows = embeddings({"image": image, "text": text}, GCL.modalities, fuse="unit")
    assert stacked_loss(np.stack(list(rows.values())), 1.0, objective=GCL) == pytest.approx(
        float(gcl_loss(image, text, log_scale=1.0)), rel=1e-14
    )


@given(st.integers(0, 2**32 - 1))
def test_a_fused_row_is_nearer_to_both_parts_than_they_are_to_each_other(seed: int) -> None:
    image, text = unit_rows(seed, 5, 6), unit_rows(seed + 1, 5, 6)
    rows = embeddings({"image": image, "text": text}, GCL.modalities, fuse="unit")
    z = list(rows.values())
    c = (z[0] * z[1]).sum(-1)
    assert np.allclose((z[0] * z[2]).sum(-1), np.sqrt((1 + c) / 2), atol=1e-12), "cos(i, it)"
    assert np.all((z[1] * z[2]).sum(-1) >= c - 1e-12)


def test_missing_texts_take_the_fused_rows_with_them() -> None:
    image, text = unit_rows(7, 4, 6), unit_rows(8, 4, 6)
    text[2] = 0
    flags = {"text": np.asarray([True, True, False, True])}
    kept = gcl_loss(image, text, log_scale=1.0, present=flags)
    z = np.stack([image, text, l2_normalize(image + text)])
    present = np.ones((3, 4), bool)
    present[1:, 2] = False
    given_all = stacked_loss(z, 1.0, objective=GCL, present_MB=present)
    assert float(kept) == pytest.approx(float(given_all), rel=1e-14)


@pytest.mark.parametrize("objective", [GCL, PAIRWISE, Objective(duplicates="positive")])
def test_strict_namespace_gives_the_same_number(objective: Objective) -> None:
    image, text, ids = unit_rows(9, 6, 5), unit_rows(10, 6, 5), np.asarray([0, 1, 1, 2, 3, 0])
    flag = np.asarray([True, True, False, True, True, True])
    xp = array_api_strict
    strict = gcl_loss(
        xp.asarray(image),
        xp.asarray(text),
        log_scale=xp.asarray(2.0),
        objective=objective,
        present={"image": xp.asarray(flag)},
        ids=xp.asarray(ids),
    )
    plain = gcl_loss(
        image, text, log_scale=2.0, objective=objective, present={"image": flag}, ids=ids
    )
    assert float(strict) == pytest.approx(float(plain), rel=1e-14)


@pytest.mark.parametrize("scale", [1e-3, 1.0, 100.0, 1e4])
def test_no_overflow_at_any_scale(scale: float) -> None:
    rows = 10 * unit_rows(11, 3, 8, 16).astype(np.float32)
    exact = float(stacked_loss(rows.astype(np.float64), log(scale), objective=GCL))
    found = float(stacked_loss(rows, log(scale), objective=GCL))
    assert np.isfinite(found)
    assert found == pytest.approx(exact, rel=1e-4)


def test_half_precision_is_computed_in_single() -> None:
    image, text = (unit_rows(s, 6, 8).astype(np.float16) for s in (12, 13))
    found = gcl_loss(image, text, log_scale=4.6)
    wide = gcl_loss(
        image.astype(np.float32),
        text.astype(np.float32),
        l2_normalize(image.astype(np.float32) + text.astype(np.float32)),
        log_scale=4.6,
    )
    assert found.dtype == np.float32
    assert float(found) == pytest.approx(float(wide), rel=1e-6)


def test_all_directions_are_the_six_of_the_paper() -> None:
    assert GCL.directions == all_directions(("image", "text", "image+text"))
    assert len(GCL.directions) == 6
