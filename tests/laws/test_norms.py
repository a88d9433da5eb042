"""Rows whose norms are far from 1: right, or an error that names them; never another number."""

from collections.abc import Callable
from functools import partial
from math import log
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import gcl_jax
import gcl_torch
from gcl_spec.errors import InputError
from gcl_spec.loss.equation import contrastive_loss, gcl_loss
from gcl_spec.loss.plain import plain_blocks
from gcl_spec.normalize import l2_normalize, row_norms
from gcl_spec.objective import CLIP, GCL, PAIRWISE, Objective

POWERS = (*range(-44, -6, 2), -1, 1, *range(6, 38, 2))
"""Of ten, from below all numbers of float32 to near the largest."""

Found = tuple[float, np.ndarray]


def pair(samples: int = 6, width: int = 5, seed: int = 0) -> np.ndarray:
    return l2_normalize(np.random.default_rng(seed).normal(size=(2, samples, width)))


def of_torch(rows: np.ndarray, dtype: torch.dtype, loss: Callable[..., Any]) -> Found:
    leaves = [torch.tensor(x).to(dtype).requires_grad_() for x in rows]
    value = loss(*leaves)
    found = torch.autograd.grad(value, leaves)
    return value.item(), torch.stack(found).double().numpy()


def tried(call: Callable[[], Any]) -> tuple[Any, str]:
    """What it gives, or else why it refuses."""
    try:
        return call(), ""
    except InputError as error:
        return None, str(error)


def near(have: Found, want: Found, rtol: float = 2e-5) -> None:
    assert have[0] == pytest.approx(want[0], rel=rtol)
    size = np.abs(want[1]).max()
    np.testing.assert_allclose(have[1] / size, want[1] / size, rtol=0, atol=20 * rtol)


OPTIONS: dict[str, dict[str, Any]] = {
    "CLIP": {"objective": CLIP},
    "GCL": {"objective": GCL},
    "pairwise": {"objective": PAIRWISE},
    "weighted": {"objective": GCL, "weights": (1e-20, 3e-20)},
    "a temperature each": {"objective": CLIP, "log_scale": torch.tensor([0.5, 4.0])},
}


@pytest.mark.parametrize("tile", [None, 4])
@pytest.mark.parametrize("name", OPTIONS)
def test_torch_is_right_or_says_so(name: str, tile: int | None) -> None:
    options = {"log_scale": log(14.3), **OPTIONS[name]}
    right = 0
    for power in POWERS:
        rows = (10.0**power * pair()).astype(np.float32)
        loss = partial(gcl_torch.gcl_loss, tile=tile, **options)
        have, said = tried(lambda: of_torch(rows, torch.float32, loss))  # noqa: B023
        if have is None:
            assert not -7 < power < 16
            assert "rows 0, 1, 2, 3, 4" in said
            assert "normalise rows first" in said
            continue
        exact = partial(gcl_loss, kernel=plain_blocks, **options)
        near(have, of_torch(rows, torch.float64, exact))
        right += 1
    assert right >= 9


@pytest.mark.parametrize("tile", [None, 4])
@pytest.mark.parametrize("objective", [CLIP, GCL], ids=["CLIP", "GCL"])
def test_compiled_jax_is_right_or_not_finite(objective: Objective, tile: int | None) -> None:
    """Values cannot be read; rows under the smallest normal number are zeros to XLA."""
    loss = partial(gcl_jax.gcl_loss, log_scale=log(14.3), objective=objective, tile=tile)
    # As users compile it: where XLA computes a logit twice, its way of fusing decides the digits.
    options = {"xla_cpu_use_fusion_emitters": True}
    step = jax.jit(jax.value_and_grad(loss, (0, 1)), compiler_options=options)
    exact = partial(gcl_loss, kernel=plain_blocks, log_scale=log(14.3), objective=objective)
    right = 0
    for power in (p for p in POWERS if p > -31 or objective is GCL):
        rows = (10.0**power * pair()).astype(np.float32)
        value, grads = step(*rows)
        if not np.isfinite(float(value)):
            assert not -12 < power < 16
            continue
        assert power > -31
        near((float(value), np.asarray(grads, np.float64)), of_torch(rows, torch.float64, exact))
        right += 1
    assert right >= 9


@pytest.mark.parametrize("factor", [1e-40, 1e-35, 1e18, 1e20, 1e30])
@pytest.mark.parametrize("objective", [CLIP, GCL], ids=["CLIP", "GCL"])
def test_jax_says_so_where_it_differentiates(objective: Objective, factor: float) -> None:
    """Outside of compiled functions the values behind a derivative can be read."""
    rows = [jnp.asarray(x) for x in (factor * pair()).astype(np.float32)]
    step = jax.value_and_grad(partial(gcl_jax.gcl_loss, log_scale=2.66, objective=objective))
    with pytest.raises(
        InputError, match=r"of 'image'.*normalise rows first|has norm 0|have norm 0"
    ):
        step(*rows)


@settings(max_examples=60)
@given(st.integers(-60, 60), st.integers(-40, 40), st.sampled_from([None, 4]), st.booleans())
def test_scaling_rows_is_scaling_the_temperature(
    power: int, shift: int, tile: int | None, fused: bool
) -> None:
    """Loss of c E at scale s is that of E at scale c c s, its gradient by c E 1/c of that by E."""
    rows = 2.0**shift * np.stack([*pair(), pair(seed=1)[0]])[: 3 if fused else 2]
    rows, factor = rows.astype(np.float32), 2.0**power
    log_scale = torch.tensor(log(9.0) - 2 * shift * log(2), dtype=torch.float64)
    moved = torch.tensor(log(9.0) - 2 * (shift + power) * log(2), dtype=torch.float64)
    if abs(float(moved)) > 85:
        return
    loss = partial(gcl_torch.gcl_loss, objective=GCL if fused else CLIP, tile=tile)
    have, said = tried(
        lambda: of_torch(factor * rows, torch.float32, partial(loss, log_scale=moved))
    )
    want = of_torch(rows, torch.float32, partial(loss, log_scale=log_scale))
    if have is None:
        assert abs(power + shift) > 50
        assert "normalise rows first" in said
        return
    near((have[0], have[1] * factor), want)


@pytest.mark.parametrize("tile", [None, 4])
@pytest.mark.parametrize("factor", [1e-300, 1e-160, 1e-140, 1e140, 1e150, 1e160, 1e300])
def test_64_bits(factor: float, tile: int | None) -> None:
    loss = partial(gcl_torch.gcl_loss, tile=tile)
    for objective in (CLIP, GCL):
        given = partial(loss, log_scale=2.0, objective=objective)
        found, said = tried(lambda: of_torch(factor * pair(), torch.float64, given))  # noqa: B023
        if found is None:
            assert "rows 0, 1, 2, 3, 4" in said
            continue
        value, grads = found
        assert np.isfinite(value)
        assert np.isfinite(grads).all()
        if objective is CLIP and factor < 1:
            assert value == pytest.approx(log(6))
        elif objective is CLIP:
            assert value / factor / factor / np.exp(2.0) == pytest.approx(_hinge(*pair()))


def _hinge(image: np.ndarray, text: np.ndarray) -> float:
    """CLIP's loss over the scale as that grows: the largest logit less the pair's."""
    s = image @ text.T
    return float(sum((s.max(axis) - np.diag(s)).mean() for axis in (0, 1)) / 2)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("tile", [None, 4])
def test_16_bits(dtype: torch.dtype, tile: int | None) -> None:
    loss = partial(gcl_torch.gcl_loss, log_scale=log(14.3), tile=tile)
    exact = partial(gcl_loss, kernel=plain_blocks, log_scale=log(14.3))
    for factor in (1e-30, 1e-6, 1e-3, 300.0, 3e4, 1e20):
        rows = torch.tensor(factor * pair()).to(dtype)
        try:
            have = of_torch(rows.double().numpy(), torch.float32, loss)
            assert loss(*rows).item() == pytest.approx(have[0], rel=1e-6)
        except InputError:
            assert not 1e-7 < factor < 1e5 or not torch.isfinite(rows).all()
            continue
        near(have, of_torch(rows.double().numpy(), torch.float64, exact))


def test_one_row_among_others() -> None:
    image, text = pair().astype(np.float32)
    image[2] *= 1e20
    with pytest.raises(InputError, match="row 2 of 'image' has a norm over"):
        gcl_loss(image, text, log_scale=2.0, objective=CLIP)
    image[2] *= np.float32(1e-36)
    with pytest.raises(InputError, match=r"row 2 of 'image' and 'text'|row 2 of 'image' has a"):
        gcl_loss(image, image, log_scale=2.0)
    here = np.arange(6) != 2
    present = {"image": here}
    want = gcl_loss(image[here], text[here], log_scale=2.0)
    assert gcl_loss(image, text, log_scale=2.0, present={"image": here, "text": here}) == want
    gcl_loss(image, text, log_scale=2.0, objective=CLIP, present=present)


def test_given_fused_rows_beside_tiny_ones_are_right() -> None:
    """Nothing is fused here, so that no product of tiny rows matters."""
    rows = pair()
    fused = l2_normalize(rows[0] + rows[1])
    small = (1e-19 * rows).astype(np.float32)
    want = gcl_loss(*small.astype(float), fused, log_scale=2.66)
    for tile in (None, 4):
        found = gcl_torch.gcl_loss(
            *map(torch.tensor, small), torch.tensor(fused).float(), log_scale=2.66, tile=tile
        )
        assert found.item() == pytest.approx(float(want), rel=1e-6)
        step = jax.jit(partial(gcl_jax.gcl_loss, log_scale=2.66, tile=tile))
        found = step(*small, fused.astype(np.float32))
        assert float(found) == pytest.approx(float(want), rel=1e-6)


def test_features_of_captions() -> None:
    image, text = pair().astype(np.float32)
    for factor in (1e-30, 1e3):
        features = factor * image
        found = gcl_loss(image, text, log_scale=2.0, captions=features.astype(np.float32))
        wide = (x.astype(float) for x in (image, text))
        exact = gcl_loss(*wide, log_scale=2.0, captions=features.astype(float))
        assert float(found) == pytest.approx(float(exact), rel=1e-5)
    with pytest.raises(InputError, match="of 'captions' have a norm over"):
        gcl_loss(image, text, log_scale=2.0, captions=np.float32(1e20) * image)


def test_weights_that_overflow() -> None:
    image, text = (1e10 * pair()).astype(np.float32)
    with pytest.raises(InputError, match="times the weights of their fusion overflow"):
        gcl_loss(image, text, log_scale=-40.0, weights=(1e30, 1.0))
    rows = {"image": 1e-30 * image, "text": 1e-30 * text}
    with pytest.raises(InputError, match=r"have a sum under .* times a weight"):
        contrastive_loss(rows, log_scale=2.0, objective=GCL, weights={"image+text": (1e20, 1e20)})


@pytest.mark.parametrize("factor", [1e-44, 1e-38, 1e-20, 1.0, 1e20, 1e38])
def test_the_way_out(factor: float) -> None:
    """Normalising works for rows of any size, and so do the norms that weigh raw projections."""
    rows = factor * pair()
    small = rows.astype(np.float32)
    for found in (l2_normalize(small), l2_normalize(torch.tensor(small)).numpy()):
        want = l2_normalize(small.astype(float))
        np.testing.assert_allclose(found, want, rtol=1e-6, atol=1e-6)
    norms, want = row_norms(small), np.linalg.norm(small.astype(float), axis=-1)
    np.testing.assert_allclose(norms, want, rtol=2e-6, atol=1e-45)
    leaf = torch.tensor(small[0]).requires_grad_()
    l2_normalize(leaf)[:, 0].sum().backward()
    wide = torch.tensor(small[0], dtype=torch.float64).requires_grad_()
    l2_normalize(wide)[:, 0].sum().backward()
    if 1e-30 < factor < 1e30:
        np.testing.assert_allclose(leaf.grad * factor, wide.grad * factor, rtol=1e-4, atol=1e-5)
    half = torch.tensor(300.0 * pair()[0]).half()
    assert torch.allclose(
        torch.linalg.vector_norm(l2_normalize(half).float(), dim=1), torch.ones(6), atol=1e-2
    )
