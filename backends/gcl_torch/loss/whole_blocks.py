"""Whole blocks for small batches under the rules of tiles: 32 bits, first derivatives only."""

from dataclasses import replace
from typing import Any

import torch
from array_api_compat import torch as xp

from gcl_spec.errors import InputError
from gcl_spec.loss.plain import plain_blocks
from gcl_spec.loss.problem import Blocks, Problem
from gcl_torch.loss.autograd import NO_FORWARD_MODE, NO_SECOND_DERIVATIVE
from gcl_torch.loss.outside_graphs import outside_graphs

__all__ = ["whole_blocks"]


# A compiled graph breaks here, as it does at the tiles: its backward pass would otherwise run under
# the caller's autocast.
@outside_graphs
def whole_blocks(problem: Problem, scale: torch.Tensor | float) -> Blocks:
    """The blocks of `gcl_spec.loss.plain.plain_blocks`; no product is ever rounded to 16 bits.

    Args:
        problem: the rows, (B, D) each, with what belongs to them.
        scale: 1 / temperature, a number, shape (), or one for each place, (S,).
    """
    with torch.autocast(problem.rows[0].device.type, enabled=False):
        weights = problem.weights
        guarded = replace(
            problem,
            rows=tuple(map(_guarded, problem.rows)),
            weights=None
            if weights is None
            else tuple((_guarded(a), _guarded(b)) for a, b in weights),
            damp=None if problem.damp is None else _guarded(problem.damp),
            shift=None if problem.shift is None else _guarded(problem.shift),
        )
        if isinstance(scale, torch.Tensor):
            scale = _guarded(scale)
        return plain_blocks(guarded, scale, xp=xp, multiply=_multiply)


def _guarded(x: torch.Tensor) -> torch.Tensor:
    """The tensor itself, of any shape, which can be differentiated once."""
    same: torch.Tensor = _Guarded.apply(x)  # type: ignore[no-untyped-call]
    return same


def _multiply(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """x @ y, of stacks of matrices, (K, B, D) and (K, D, B)."""
    product: torch.Tensor = _Product.apply(x, y)  # type: ignore[no-untyped-call]
    return product


class _FirstOnly(torch.autograd.Function):
    """A function without a forward mode."""

    generate_vmap_rule = True

    @staticmethod
    def jvp(ctx: Any, *tangents: Any) -> None:
        """Refuse forward mode, with the way out."""
        raise InputError(NO_FORWARD_MODE)


class _Same(_FirstOnly):
    """The function that gives its argument."""

    @staticmethod
    def forward(x: torch.Tensor) -> torch.Tensor:
        return x.view_as(x)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: torch.Tensor) -> None:
        """Keep nothing."""


class _Guarded(_Same):
    """The function that gives its argument, and whose derivative has none."""

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> torch.Tensor:
        derivative: torch.Tensor = _Derivative.apply(*gradients)  # type: ignore[no-untyped-call]
        return derivative


class _Derivative(_Same):
    """The function that gives its argument, and has no derivative."""

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> None:
        raise InputError(NO_SECOND_DERIVATIVE)


class _Product(_FirstOnly):
    """x @ y; its backward pass is not rounded inside a caller's autocast region."""

    @staticmethod
    def forward(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        return x @ y

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: torch.Tensor) -> None:
        ctx.save_for_backward(*inputs)

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        x, y = ctx.saved_tensors
        (by_product,) = gradients
        with torch.autocast(x.device.type, enabled=False):
            return by_product @ y.mT, x.mT @ by_product
