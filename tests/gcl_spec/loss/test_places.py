"""The scales and shifts of blocks."""

import numpy as np
import pytest
import torch
from array_api_compat import torch as xp

from gcl_spec.loss.places import Places
from gcl_spec.objective import GCL, Objective

LIKE = np.eye(2)


def places(objective: Objective, log_scale: object, bias: object = None) -> Places:
    return Places(objective, log_scale, bias, LIKE, lambda x: x, np)  # type: ignore[arg-type]


def test_one_scale_stays_a_number() -> None:
    one = places(GCL, np.log(7.0))
    assert [one.of(t, t % 3, 1) for t in range(6)] == [0] * 6
    assert one.scales() == pytest.approx(7.0)
    assert one.shifts() is None


def test_a_scale_belongs_to_a_direction_or_a_pair() -> None:
    each = places(GCL, np.arange(6.0))
    assert [each.of(t, 0, 1) for t in (4, 2, 4)] == [0, 1, 0]
    assert [each.find(t, 0, 1) for t in (2, 3)] == [1, None], "nothing is added"
    np.testing.assert_allclose(each.scales(), np.exp([4.0, 2.0]))
    pairs = places(Objective(scales="pair"), np.arange(9.0).reshape(3, 3))
    assert [pairs.of(t, 1, n) for t, n in ((0, 2), (5, 2), (0, 0))] == [0, 0, 1]
    np.testing.assert_allclose(pairs.scales(), np.exp([5.0, 3.0]))


def test_the_temperature_of_two_rows_is_the_mean_of_their_parts() -> None:
    """e5-omni (arXiv 2601.03666): 0.1 and 0.3 for image and text, 0.2 for the fused row."""
    found = places(Objective(scales="modality"), -np.log([0.1, 0.3]))
    for at in ((0, 0), (0, 1), (0, 2), (1, 2)):
        found.of(0, *at)
    np.testing.assert_allclose(1 / np.asarray(found.scales()), [0.1, 0.2, 0.15, 0.25])
    assert found.of(0, 2, 1) == found.of(3, 1, 2), "one exponential serves both orders"


def test_a_shift_in_cosines_grows_with_the_scale() -> None:
    bias = np.asarray([[0.0, 0.5, 0.0], [0.0, 0.0, 0.0], [0.0, 0.0, 0.0]])
    for unit, want in (("logit", 0.5), ("cosine", -2.0)):
        rule = Objective(bias_unit=unit)  # type: ignore[arg-type]
        found = places(rule, np.log(4.0), bias)
        assert found.shift(0, 0, 1) == pytest.approx(want)
        sigmoid = places(Objective(loss="sigmoid", bias_unit=unit), np.log(4.0), bias)  # type: ignore[arg-type]
        assert [sigmoid.of(0, 0, n) for n in (1, 2)] == [0, 1]
        np.testing.assert_allclose(sigmoid.shifts(), [want, 0.0])


def test_hard_negatives_have_a_larger_scale() -> None:
    found = places(Objective(hardness=3.0), np.log(2.0))
    for role in ("hard", "weights", "plain"):
        found.of(0, 0, 1, role)  # type: ignore[arg-type]
    np.testing.assert_allclose(found.scales(), [5.0, 3.0, 2.0])
    assert found.plain_share(0, 0, 1) == pytest.approx(0.4)


@pytest.mark.parametrize("shape", [(), (6,)])
def test_detached_weights_are_constants(shape: tuple[int, ...]) -> None:
    """Equal to log sum exp(alpha cos) exp(s cos) whose first factor has no derivative (LLaVE)."""
    rule = Objective(hardness=3.0, hardness_weights="detached")
    start = torch.full(shape, np.log(2.0), dtype=torch.float64)
    rows = torch.tensor([[0.5, -0.2, 0.9], [0.1, 0.3, -0.7]], dtype=torch.float64)

    def derivatives(of) -> tuple[torch.Tensor, list[torch.Tensor]]:
        log_scale, cosines = start.clone().requires_grad_(), rows.clone().requires_grad_()
        found = of(log_scale, cosines)
        return found, torch.autograd.grad(found.sum(), [log_scale, cosines])

    def by_definition(log_scale: torch.Tensor, cosines: torch.Tensor) -> torch.Tensor:
        weight = torch.exp(3.0 * cosines).detach()
        return torch.log(
            (weight * torch.exp(log_scale.exp().sum() / start.numel() * cosines)).sum(1)
        )

    def by_places(log_scale: torch.Tensor, cosines: torch.Tensor) -> torch.Tensor:
        found = Places(rule, log_scale, None, rows, torch.Tensor.detach, xp)
        assert found.of(4, 0, 1, "hard") == 0
        hard = torch.logsumexp(found.scales() * cosines, 1)
        return found.held_back(4, 0, 1, hard)

    (want, d_want), (got, d_got) = derivatives(by_definition), derivatives(by_places)
    torch.testing.assert_close(got, want)
    torch.testing.assert_close(d_got[0].sum(), d_want[0].sum())
    torch.testing.assert_close(d_got[1], d_want[1])


def test_sums_of_nothing_have_no_derivative() -> None:
    rule = Objective(hardness=3.0, hardness_weights="detached")
    log_scale = torch.zeros((), dtype=torch.float64, requires_grad=True)
    hard = torch.tensor([-np.inf, 0.5], dtype=torch.float64, requires_grad=True)
    found = Places(rule, log_scale, None, hard.detach(), torch.Tensor.detach, xp)
    held = found.held_back(0, 0, 1, hard)
    assert held.tolist() == [-np.inf, 0.5]
    (d_hard,) = torch.autograd.grad(held[1], [hard])
    assert d_hard.tolist() == [0.0, 0.25]


def test_a_number_of_its_own_dtype_and_one_of_no_rows() -> None:
    """A scale in 64 bits is rounded once, after the exponential; numbers need no row."""
    log_scale = np.asarray([np.log(3.0), 4.3])
    low = LIKE[:0].astype(np.float32)
    found = Places(Objective(scales="direction"), log_scale, None, low, lambda x: x, np)
    assert [found.of(t, 0, 1) for t in (0, 1)] == [0, 1]
    assert np.asarray(found.scales()).dtype == np.float32
    assert found.scales()[1] == np.float32(np.exp(4.3)) != np.exp(np.float32(4.3))
    mixed = Places(Objective(hardness=2.0), 1.0, 0.5, low, lambda x: x, np)
    assert [mixed.of(0, 0, 1, role) for role in ("plain", "weights")] == [0, 1]
    both = np.asarray(mixed.scales())
    assert (both.shape, both.dtype) == ((2,), np.float32)


def test_one_shift_serves_a_sigmoid_of_several_scales() -> None:
    rule = Objective(loss="sigmoid", scales="direction", bias_unit="cosine")
    found = places(rule, np.log(np.arange(1.0, 7.0)), np.asarray(0.5))
    assert [found.of(t, 0, 1) for t in (1, 3)] == [0, 1]
    np.testing.assert_allclose(found.shifts(), [-1.0, -2.0])
