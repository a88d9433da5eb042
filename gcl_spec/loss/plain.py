"""The direct kernel: whole (B, B) blocks, differentiated by the framework.

The tiled kernels are in `gcl_spec.loss.tiled`.
"""

import operator
from collections.abc import Callable
from math import log2
from numbers import Real
from typing import Any, TypeAlias

from gcl_spec._typing import Array, ArrayNamespace
from gcl_spec.loss.logsumexp import masked_logsumexp, masked_mean
from gcl_spec.loss.places import has_axes
from gcl_spec.loss.problem import Blocks, Problem, embeddings_of, mixed, or_nan

__all__ = ["Multiply", "RowProducts", "direct_blocks", "plain_blocks"]

Multiply: TypeAlias = Callable[[Array, Array], Array]
RowProducts: TypeAlias = Callable[[Array | float, Array, Array, ArrayNamespace], Array]


def _row_products(
    factor_KB: Array | float, x_KBD: Array, y_KBD: Array, xp: ArrayNamespace
) -> Array:
    """The inner products of rows, times their factors (or one for all): (K, B)."""
    return factor_KB * xp.sum(x_KBD * y_KBD, axis=-1)


def plain_blocks(
    problem: Problem,
    scale: Array | float,
    /,
    *,
    xp: ArrayNamespace,
    multiply: Multiply = operator.matmul,
    row_products: RowProducts = _row_products,
) -> Blocks:
    """The direct kernel: whole (B, B) blocks, which the framework differentiates, also twice.

    Args:
        problem: rows of shape (B, D), with what belongs to them.
        scale: 1 / temperature, a number, a 0-d array, or one for each place, (S,).
        xp: the Array API namespace of the arrays.
        multiply: x @ y, of stacks of matrices.
        row_products: factors, (K, B) or one for all, times the inner products of rows, (K, B, D)
            each.
    """
    info = xp.finfo(problem.rows[0].dtype)
    largest = float(info.eps) / float(info.smallest_normal)
    known = or_nan(mixed(problem, xp), xp, largest)
    return direct_blocks(known, scale, xp=xp, multiply=multiply, row_products=row_products)


def direct_blocks(
    problem: Problem,
    scale: Array | float,
    /,
    *,
    xp: ArrayNamespace,
    multiply: Multiply = operator.matmul,
    row_products: RowProducts = _row_products,
) -> Blocks:
    """The blocks, (K, B), of a problem that has its `mix`; its arguments: see `plain_blocks`."""
    scale_of = _by_block(scale, problem, xp)  # a number, shape (), or (K,)
    lift = _lift(scale_of, problem.rows[0], xp)
    embeddings = [lift * x for x in embeddings_of(problem)]
    scale = scale_of / lift**2
    queries_KBD = xp.stack([embeddings[m] for m, _ in problem.blocks])
    pools_KBD = xp.stack([embeddings[n] for _, n in problem.blocks])
    own_BB, alike_BB = _classes(problem, xp)
    products_KBB = multiply(queries_KBD, xp.matrix_transpose(pools_KBD))
    s_KBB = (scale[:, None, None] if problem.places else scale) * products_KBB
    damping_KBB = None if problem.damp is None else _damping(problem, multiply, xp)
    if damping_KBB is not None:
        s_KBB = s_KBB * damping_KBB
    here_KB = None
    if problem.present is not None:
        here_KB = xp.stack([problem.present[n, ...] for _, n in problem.blocks])
    negative_KBB = _and(~alike_BB, here_KB)
    if problem.sigmoid:
        others = _softplus_sums(s_KBB, negative_KBB, problem, xp)
    else:
        others = masked_logsumexp(s_KBB, negative_KBB, xp)
    if not problem.own_is_one:
        mask_KBB = _and(own_BB, here_KB)
        own = masked_logsumexp(s_KBB, mask_KBB, xp)
        return Blocks(others, own, masked_mean(s_KBB, mask_KBB, xp))
    factor = scale[:, None] if problem.places else scale
    if damping_KBB is not None:
        factor = factor * xp.sum(xp.where(own_BB, damping_KBB, 0.0), axis=-1)
    own_KB = row_products(factor, queries_KBD, pools_KBD, xp)
    return Blocks(others, *_of_single_positives(own_KB, here_KB, xp))


def _of_single_positives(
    own_KB: Array, here_KB: Array | None, xp: ArrayNamespace
) -> tuple[Array, Array]:
    """The log-sums and means, (K, B) each, of single positives: -inf and 0 of one not present."""
    if here_KB is None:
        return own_KB, own_KB
    return xp.where(here_KB, own_KB, -xp.inf), xp.where(here_KB, own_KB, xp.zeros_like(own_KB))


def _by_block(x: Any, problem: Problem, xp: ArrayNamespace) -> Any:
    """The numbers of all places, (S,), as those of the blocks, (K,); one for all stays as it is."""
    if not problem.places or not has_axes(x):
        return x
    return xp.stack([x[place] for place in problem.places])


def _softplus_sums(s_KBB: Array, mask_KBB: Array, problem: Problem, xp: ArrayNamespace) -> Array:
    """The sums of softplus(logit + shift), (K, B), over the last axis, where the mask is true."""
    shift = _by_block(problem.shift, problem, xp)
    if shift is not None:
        s_KBB = s_KBB + (shift[:, None, None] if has_axes(shift) else shift)
    terms_KBB = xp.logaddexp(xp.zeros_like(s_KBB), s_KBB)
    return xp.sum(xp.where(mask_KBB, terms_KBB, xp.zeros_like(terms_KBB)), axis=-1)


def _lift(scale: Array | float, like: Array, xp: ArrayNamespace) -> Array | float:
    """The power of 2, a number or 0-d, by which all rows are multiplied if a scale is far from 1.

    It is 1 for other scales; of several scales the largest decides. Without it, products of rows
    that are as small as such a scale is large would underflow.
    """
    far = 2.0 ** (-log2(float(xp.finfo(like.dtype).smallest_normal)) // 3)
    if isinstance(scale, Real):
        return far if scale > far else 1 / far if scale < 1 / far else 1.0
    if has_axes(scale):
        scale = xp.max(scale)
    one = xp.ones_like(scale)
    return xp.where(scale > far, far * one, xp.where(scale < 1 / far, one / far, one))


def _damping(problem: Problem, multiply: Multiply, xp: ArrayNamespace) -> Array:
    """The factors of logits, (K, B, B): 1 - S_j . S_k within one modality, and 1 elsewhere."""
    damp_BB = 1 - multiply(problem.damp, xp.matrix_transpose(problem.damp))
    return xp.stack([damp_BB if m == n else xp.ones_like(damp_BB) for m, n in problem.blocks])


def _and(mask_BB: Array, here_KB: Array | None) -> Array:
    """The mask for every block, (K, B, B) or (1, B, B), without candidates that are not present."""
    return mask_BB[None, :, :] if here_KB is None else mask_BB[None, :, :] & here_KB[:, None, :]


def _classes(problem: Problem, xp: ArrayNamespace) -> tuple[Array, Array]:
    """Whether sample k holds positives of sample j, or at least no negatives: (B, B) each."""
    # Counting ones gives 0..B-1 on the device of the rows, which traced arrays do not tell.
    ones_B = xp.ones_like(problem.rows[0][:, 0], dtype=xp.int32)
    places_B = xp.cumulative_sum(ones_B, axis=0, dtype=xp.int32)
    own_BB = places_B[:, None] == places_B[None, :]
    if problem.ids is None:
        return own_BB, own_BB
    alike_BB = problem.ids[:, None] == problem.ids[None, :]
    return (alike_BB if problem.positives else own_BB), alike_BB
