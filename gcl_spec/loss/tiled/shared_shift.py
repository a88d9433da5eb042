"""One shift for all exponentials of a batch, where it will do: each logit is exponentiated once.

A log-sum-exp is exact in any number format if no term overflows and no term that matters
underflows. Every row's own maximum ensures that; one shift for the whole batch does where the
largest logit that can occur and the smallest log-sum-exp are near enough. For unit rows of three
modalities and 4096 samples it does in float32 up to a scale of 61 whatever they are, and at 100
unless a positive has a cosine under about -0.2; in float64 up to 660. Fewer rows allow more.
"""

from collections.abc import Callable
from math import log2
from typing import NamedTuple

from gcl_spec._typing import Array, ArrayNamespace
from gcl_spec.loss.kernel import Processes
from gcl_spec.loss.problem import Problem
from gcl_spec.loss.tiled.own_logits import OwnDots
from gcl_spec.loss.tiled.scales import ONE, Scales
from gcl_spec.loss.tiled.tile_logits import LN2

__all__ = ["SharedShift", "shared_shift"]


class SharedShift(NamedTuple):
    """A shift of exponents, and whether it serves the whole batch."""

    shift: Array
    """Shape (), in the unit of the logits (ln 2)."""
    fits: Array
    """Shape (), a boolean: every log-sum-exp is exact with this shift, or a sigmoid's sum."""


def shared_shift(
    problem: Problem,
    scale2: Array | float,
    xp: ArrayNamespace,
    scales: Scales = ONE,
    *,
    samples: int | None = None,
    processes: Processes | None = None,
) -> SharedShift:
    """The shift for a problem, or for a batch of which processes hold the rows.

    With it no sum overflows, and one over a sum, times a derivative down to 2**-24 of the largest,
    is a normal number: some processors take others for 0. A term under eps / terms of its sum may
    vanish; every other is a normal number, too, since every sum holds the row's positive. Where one
    need not (`Problem.bounded`), no sum is below its lowest possible term.

    Args:
        problem: the rows, (B, D) each, with the blocks whose own rows are positives.
        scale2: the largest scale / ln 2, a number or 0-d.
        xp: the Array API namespace of the arrays.
        scales: the scales of all places, as parts of the largest.
        samples: the samples of the batch; None: those of the problem, which is all of it.
        processes: the processes whose problems, which have rows of their own or none, make up the
            batch: the shift is one for all of them.
    """
    over: Callable[[Array], Array] = (lambda x: x) if processes is None else processes.max
    samples = problem.rows[0].shape[0] if samples is None else samples
    info = xp.finfo(problem.rows[0].dtype)
    terms = log2(len(problem.parts) * samples)
    lowest_power = log2(float(info.smallest_normal))
    room = min(log2(float(info.max)) - 1, -lowest_power - 24) - terms
    depth = log2(float(info.eps)) - lowest_power - terms
    dots = OwnDots(problem, scale2, xp)
    norms = [_largest(dots(m, m), xp) for m in range(len(problem.parts))]
    largest = over(xp.max(xp.stack(norms)))
    if problem.damp is not None:  # factors of logits: 1 - s_j . s_k
        squares = xp.sum(problem.damp * problem.damp, axis=-1)
        largest = largest * (1 + over(_largest(squares, xp)))
    if problem.sigmoid:  # no exponential of a sigmoid's logit may overflow
        shifts = [xp.zeros_like(largest) + x for x in scales.shifts or (0.0,)]
        above = largest + xp.max(xp.stack(shifts))
        return SharedShift(xp.zeros_like(largest), above < log2(float(info.max)) - 1)
    shift = xp.where(largest > room, largest - room, xp.zeros_like(largest))
    if problem.bounded:
        lowest = [_lowest(problem, dots, target, largest, scales, xp) for target in problem.targets]
        least = -over(-xp.min(xp.stack(lowest)))
    else:
        least = -largest
    return SharedShift(shift, least - problem.lift / LN2 >= shift - depth)


def _largest(x: Array, xp: ArrayNamespace) -> Array:
    """The largest, (), of numbers of 0 and more, (B,); 0 where there are none."""
    return xp.max(x) if x.shape[0] else xp.sum(x)


def _lowest(
    problem: Problem,
    dots: OwnDots,
    target: tuple[int, int],
    largest: Array,
    scales: Scales,
    xp: ArrayNamespace,
) -> Array:
    """The lowest logit, (), of a present row with its positive, at any scale of their block."""
    query, pool = target
    logit_B = dots(query, pool)
    if not logit_B.shape[0]:
        return largest
    if problem.present is not None:
        valid_B = problem.present[query, ...] & problem.present[pool, ...]
        logit_B = xp.where(valid_B, logit_B, largest)
    lowest = xp.min(logit_B)
    if not problem.places:
        return lowest
    keys = zip(problem.blocks, problem.places, strict=True)
    lowest_logits = [lowest * scales.ratios[place] for block, place in keys if block == target]
    return xp.min(xp.stack(lowest_logits)) if lowest_logits else -largest
