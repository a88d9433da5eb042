"""Log-sum-exps and means over masks, also of nothing, with finite gradients."""

import array_api_compat.torch as torch_namespace
import numpy as np
import pytest
import torch

from gcl_spec.loss.logsumexp import logsumexp, masked_logsumexp, masked_mean

X = np.random.default_rng(0).normal(size=(2, 3, 4))
MASK = np.random.default_rng(1).random((2, 3, 4)) > 0.4


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_it_is_the_logarithm_of_the_sum(axis: int) -> None:
    np.testing.assert_allclose(logsumexp(X, axis, np), np.log(np.exp(X).sum(axis=axis)))


def test_large_numbers_neither_overflow_nor_vanish() -> None:
    x = np.asarray([[[1e4, 1e4 - 1]], [[-1e4, -1e4 - 1]]])
    want = np.log(1 + np.exp(-1))
    np.testing.assert_allclose(logsumexp(x, 2, np), [[1e4 + want], [-1e4 + want]])


def test_only_what_the_mask_lets_through_counts() -> None:
    x = np.where(MASK, X, 1e6)  # what is masked is far above
    some = MASK.any(axis=2)
    with np.errstate(divide="ignore"):
        sums = np.log((np.exp(X) * MASK).sum(axis=2))
    np.testing.assert_allclose(masked_logsumexp(x, MASK, np)[some], sums[some])
    means = (X * MASK).sum(axis=2)[some] / MASK.sum(axis=2)[some]
    np.testing.assert_allclose(masked_mean(x, MASK, np)[some], means)


def test_of_nothing() -> None:
    nothing = np.zeros((1, 1, 3), bool)
    assert masked_logsumexp(X[:1, :1, :3], nothing, np).tolist() == [[-np.inf]]
    assert masked_mean(X[:1, :1, :3], nothing, np).tolist() == [[0.0]]


def test_gradients_are_shares_and_0_for_nothing() -> None:
    x = torch.tensor(X, requires_grad=True)
    mask = torch.tensor(MASK)
    mask[0, 0] = False
    found = masked_logsumexp(x, mask, torch_namespace)
    torch.where(torch.isfinite(found), found, 0.0).sum().backward()
    shares = torch.softmax(torch.tensor(X).masked_fill(~mask, -torch.inf), dim=2).nan_to_num()
    assert x.grad is not None
    np.testing.assert_allclose(x.grad.numpy(), shares.numpy(), atol=1e-15)
