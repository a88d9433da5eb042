"""A sigmoid's loss and gradients in one pass: those of two passes, and of whole blocks."""

from dataclasses import replace
from typing import Any

import pytest
import torch

from gcl_spec.loss import gcl_loss as neutral_loss
from gcl_spec.loss.equation import contrastive_terms
from gcl_spec.loss.plain import plain_blocks
from gcl_spec.loss.problem import Problem
from gcl_spec.objective import Objective
from gcl_torch.loss import stacked_matrices
from gcl_torch.loss.kernel import GramKernel
from gcl_torch.loss.one_pass import OnePassTiles
from gcl_torch.loss.stacked_tiles import StackedTiles

SIGMOID = Objective(loss="sigmoid")
TILED = GramKernel(tile=5)


@pytest.fixture
def second_passes(monkeypatch: pytest.MonkeyPatch) -> list[type]:
    """The kinds of tiles that walked once more for the gradients."""
    kinds: list[type] = []
    gradients = StackedTiles.gradients

    def watched(self: StackedTiles, derivatives: Any) -> Any:
        kinds.append(type(self))
        return gradients(self, derivatives)

    monkeypatch.setattr(StackedTiles, "gradients", watched)
    return kinds


def leaves(count: int = 2, samples: int = 13) -> list[torch.Tensor]:
    """Unit rows, a log-scale and a bias, whose gradients are wanted."""
    torch.manual_seed(5)
    rows = torch.randn(count, samples, 6, dtype=torch.float64)
    numbers = [torch.tensor(x, dtype=torch.float64) for x in (1.5, -2.0)]
    return [x.requires_grad_() for x in (*torch.nn.functional.normalize(rows, dim=2), *numbers)]


def graded(given: list[torch.Tensor], kernel: Any, **options: Any) -> list[torch.Tensor]:
    """The loss and its gradients by all that is given."""
    *rows, log_scale, bias = given
    loss = neutral_loss(
        *rows[:2],
        rows[2] if len(rows) > 2 else None,
        log_scale=log_scale,
        bias=bias,
        objective=SIGMOID,
        kernel=kernel,
        **options,
    )
    return [loss, *torch.autograd.grad(loss, given)]


@pytest.mark.parametrize("band", [1, 300, 2**17])
@pytest.mark.parametrize("equal", [False, True])
@pytest.mark.parametrize("count", [2, 3])
def test_one_pass_gives_what_whole_blocks_give(
    count: int,
    equal: bool,
    band: int,
    second_passes: list[type],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(stacked_matrices, "_BAND", band)
    given = leaves(count)
    ids = torch.arange(13) // 3 if equal else None
    found = graded(given, TILED, ids=ids)
    assert not second_passes
    want = graded(given, plain_blocks, ids=ids)
    torch.testing.assert_close(found, want, rtol=1e-12, atol=1e-14)


def test_weights_that_differ_take_a_second_pass(second_passes: list[type]) -> None:
    given = leaves()
    image, text, log_scale, bias = given
    options: dict[str, Any] = {"log_scale": log_scale, "bias": bias, "objective": SIGMOID}
    rows = {"image": image, "text": text}
    weights = torch.linspace(0.5, 2.0, 13, dtype=torch.float64)
    found, want = (
        torch.autograd.grad(
            (contrastive_terms(rows, kernel=kernel, **options).values * weights).sum(), given
        )
        for kernel in (TILED, plain_blocks)
    )
    assert second_passes == [OnePassTiles]
    torch.testing.assert_close(found, want, rtol=1e-12, atol=1e-14)


def test_a_second_backward_makes_its_own_pass(second_passes: list[type]) -> None:
    given = leaves()
    image, text, log_scale, bias = given
    loss = neutral_loss(
        image, text, log_scale=log_scale, bias=bias, objective=SIGMOID, kernel=TILED
    )
    first = torch.autograd.grad(loss, given, retain_graph=True)
    assert not second_passes
    again = torch.autograd.grad(loss, given)
    assert second_passes == [OnePassTiles]
    torch.testing.assert_close(again, first, rtol=1e-12, atol=1e-14)


def test_nothing_is_computed_ahead_where_no_gradient_is_wanted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(OnePassTiles, "sums", lambda self: pytest.fail("gradients were made"))
    image, text, log_scale, bias = (x.detach() for x in leaves())
    options: dict[str, Any] = {"bias": bias, "objective": SIGMOID, "kernel": TILED}
    neutral_loss(image, text, log_scale=log_scale, **options)
    with torch.no_grad():
        neutral_loss(image.requires_grad_(), text, log_scale=log_scale, **options)


def test_large_logits_of_negatives_have_a_derivative_of_one() -> None:
    given = [x.detach().requires_grad_() for x in leaves()]
    with torch.no_grad():
        given[3].fill_(80.0)
    found, want = (graded(given, kernel) for kernel in (TILED, plain_blocks))
    torch.testing.assert_close(found, want, rtol=1e-12, atol=1e-12)


def test_missing_rows_take_two_passes() -> None:
    given = leaves()
    present = {"text": torch.arange(13) % 4 > 0}
    found, want = (graded(given, kernel, present=present) for kernel in (TILED, plain_blocks))
    torch.testing.assert_close(found, want, rtol=1e-12, atol=1e-14)


def test_no_product_is_kept_for_a_second_pass() -> None:
    image, text, log_scale, bias = (x.detach() for x in leaves())
    problem = Problem((image, text), (0, 1), ((0, 1), (1, 0)), sigmoid=True, shift=bias)
    pairs = replace(problem, blocks=((0, 0), *problem.blocks, (1, 1)), targets=problem.blocks)
    tiles = GramKernel(tile=5, cache_bytes=10**6).tiles(pairs, log_scale.exp(), ahead=True)
    assert isinstance(tiles, OnePassTiles)
    tiles.sums()
    assert not tiles._cache
