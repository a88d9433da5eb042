"""Separation, triplets, a temperature per direction and weighted fusion, against formulas."""

from typing import Any

import array_api_strict as strict
import numpy as np
import pytest
import torch

from gcl_reference.loss import Samples, gradients, loss
from gcl_spec.errors import ConfigError, InputError, InputTypeError
from gcl_spec.loss.equation import contrastive_loss, gcl_loss
from gcl_spec.normalize import l2_normalize
from gcl_spec.objective import (
    GCL,
    PRESETS,
    SEPARATION,
    TRIPLETS,
    Direction,
    Objective,
)


def unit_rows(seed: int, *shape: int) -> np.ndarray[Any, Any]:
    return l2_normalize(np.random.default_rng(seed).normal(size=shape))


def cross_entropy(logits: np.ndarray[Any, Any]) -> float:
    return float(np.mean(np.logaddexp.reduce(logits, axis=1) - np.diag(logits)))


@pytest.mark.parametrize("with_captions", [False, True])
def test_separation_is_alignclips_sum(with_captions: bool) -> None:
    """alpha (CE_i2t + CE_t2i) + beta (CE(s V_T) + CE(s V_I)), as the paper's rival writes it."""
    image, text = unit_rows(0, 7, 5), unit_rows(1, 7, 5)
    captions = unit_rows(2, 7, 4) if with_captions else None
    scale, across = 20.0, image @ text.T
    distance = 1 - np.eye(7) if captions is None else 1 - captions @ captions.T
    v_text = (text @ text.T) * distance + np.diag(np.diag(across))
    v_image = (image @ image.T) * distance + np.diag(np.diag(across))
    want = cross_entropy(scale * across) + cross_entropy(scale * across.T)
    want += 0.5 * (cross_entropy(scale * v_text) + cross_entropy(scale * v_image))
    found = gcl_loss(image, text, log_scale=np.log(scale), objective=SEPARATION, captions=captions)
    assert float(found) == pytest.approx(want, rel=1e-12)


def test_captions_against_the_reference() -> None:
    rows, captions, ids = unit_rows(3, 3, 6, 5), unit_rows(4, 6, 4), np.asarray([0, 1, 2, 0, 3, 4])
    objective = Objective(duplicates="positive", self_term="keep")
    want = gradients(Samples(rows, objective, None, ids, captions), 2.0)
    leaves = [torch.tensor(x, requires_grad=True) for x in rows]
    found = contrastive_loss(
        dict(zip(objective.modalities, leaves, strict=True)),
        log_scale=2.0,
        objective=objective,
        ids=torch.tensor(ids),
        captions=torch.tensor(captions),
    )
    found.backward()
    assert found.item() == pytest.approx(want.loss, rel=1e-12)
    for leaf, grad in zip(leaves, want.grads, strict=True):
        np.testing.assert_allclose(leaf.grad.numpy(), grad, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("objective", [SEPARATION, GCL, Objective(duplicates="positive")])
@pytest.mark.parametrize("with_ids", [False, True])
def test_captions_need_the_array_standard_only(objective: Objective, with_ids: bool) -> None:
    image, text, captions = (unit_rows(n, 6, 5) for n in (10, 11, 12))
    ids = np.asarray([0, 1, 2, 0, 3, 4]) if with_ids else None
    stacked = np.stack([image, text, l2_normalize(image + text)])[: len(objective.modalities)]
    want = loss(Samples(stacked, objective, None, ids, captions), np.asarray(2.0))
    found = gcl_loss(
        strict.asarray(image),
        strict.asarray(text),
        log_scale=2.0,
        objective=objective,
        ids=None if ids is None else strict.asarray(ids),
        captions=strict.asarray(captions),
    )
    assert float(found) == pytest.approx(float(want), rel=1e-12)


def test_triplets_search_both_composed_ways() -> None:
    image, text, composed = (unit_rows(n, 6, 5) for n in (5, 6, 7))
    rows = {"image": image, "text": text, "image+text": composed}
    found = contrastive_loss(rows, log_scale=2.0, objective=TRIPLETS)
    scale = np.exp(2.0)
    want = cross_entropy(scale * composed @ image.T) + cross_entropy(scale * text @ composed.T)
    assert float(found) == pytest.approx(want / 2, rel=1e-12)


def test_the_ablations_leave_out_two_directions_each() -> None:
    """Table 5 of arXiv 2509.25638: without i2t and t2i, i2it and t2it, it2i and it2t."""
    left = {name: len(PRESETS[name].directions) for name in PRESETS if "without" in name}
    assert left == {"gcl-without-i-t": 4, "gcl-without-to-it": 4, "gcl-without-from-it": 4}
    whole = {str(d) for d in PRESETS["gcl"].directions}
    gone = {name: whole - {str(d) for d in PRESETS[name].directions} for name in left}
    assert gone == {
        "gcl-without-i-t": {"image->text", "text->image"},
        "gcl-without-to-it": {"image->image+text", "text->image+text"},
        "gcl-without-from-it": {"image+text->image", "image+text->text"},
    }


def test_weighted_fusion_is_the_sum_of_raw_projections() -> None:
    """With the norms as weights, unit rows give UniIR's normalise(i + t) of raw projections."""
    rng = np.random.default_rng(9)
    raw_image, raw_text = 3 * rng.normal(size=(6, 5)), rng.normal(size=(6, 5))
    norms = [np.linalg.norm(x, axis=1) for x in (raw_image, raw_text)]
    fused = l2_normalize(raw_image + raw_text)
    image, text = l2_normalize(raw_image), l2_normalize(raw_text)
    want = gcl_loss(image, text, fused, log_scale=2.0)
    found = gcl_loss(image, text, log_scale=2.0, weights=(norms[0], norms[1]))
    assert float(found) == pytest.approx(float(want), rel=1e-12)
    with pytest.raises(InputError, match="rows 0, 1, 2, 3, 4 and 1 more of 'image' and 'text'"):
        gcl_loss(image, -image, log_scale=2.0, weights=(2.0, 2.0))


def test_bad_pools_and_captions_are_named() -> None:
    with pytest.raises(ConfigError, match="pool = 'both'"):
        Direction("image", "text", pool="both")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="captions have shape"):
        gcl_loss(unit_rows(0, 4, 3), unit_rows(1, 4, 3), log_scale=1.0, captions=np.ones((3, 2)))
    broken = np.where(np.arange(4)[:, None] == 2, np.nan, np.ones((4, 2)))
    with pytest.raises(InputError, match="row 2 of 'captions' holds NaN or Inf; give zeros"):
        gcl_loss(unit_rows(0, 4, 3), unit_rows(1, 4, 3), log_scale=1.0, captions=broken)
    with pytest.raises(InputTypeError, match="captions has dtype int64"):
        gcl_loss(
            unit_rows(0, 4, 3), unit_rows(1, 4, 3), log_scale=1.0, captions=np.eye(4, dtype=int)
        )
