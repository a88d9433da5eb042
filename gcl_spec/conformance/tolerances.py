"""How far a backend may be from the reference: one derived bound, no tuned constants.

With unit roundoff u, width D, n candidates, scale s and largest norm R, let S = s R^2 bound a
logit. To first order in u (Higham, *Accuracy and Stability of Numerical Algorithms*, 2nd ed., 2002,
chapter 3) the errors are:

logit           |dx|  <= e = (D + 4) u S           a dot product of D terms, the scale, one product
log-sum-exp     |dl|  <= e + (2 S + n + 6) u       the shifted argument, exp, a sum of n terms, log
loss            2 e + (4 S + 2 ln n + n + 6) u + (T B + 4) u |L|       log-sum-exp less logit, mean
share p         relative error  r = 2 (e + (2 S + n + 6) u)
gradient        Frobenius norm  4 s R (r + (n + 8) u): the shares and positives of all terms sum
                to 2 as queries and to 2 as candidates, each times s and a row of norm <= R
d log_scale     2 S (r + (n + 8) u) + 2 e

A fused row e = t / |t|, t = w_a e_a + w_b e_b, that is not given need not be formed: its logits may
come from the parts' dot products, and its gradient be spread over their rows, which are up to
k = (|w_a e_a| + |w_b e_b|) / |t| times as large as what is left of them. So with R_k = max(R, k)
and S_k = s R_k^2, each of which is R or S where nothing is fused:

|t|             relative error (D/2 + 2 k + 3) u
logit           e = (D + 4) u S_k + 8 u S_k + (D + 4 k + 6) u S         four products, two |t|
gradient        4 s (R r + R_k (n + 8) u), and of the parts, by (g - (g.e) e) w / |t| of a fused
                row's g, 2 p (that + 4 s R_k (2 D + 4 k + 20) u) more, where p = max w / |t|
d log_scale     2 S r + 2 S_k (n + 8) u + 2 e

In the rest of the family (`gcl_spec.objective.Objective`) s is the largest scale, plus alpha with
hardness weights, and S is raised by the largest shift |b| of a logit. A term is a sum of at most c
log-sums, each with that error: 2, the pool's and a mean, and 1 more for shares among positives, 1
for a debiased sum (whose share of the pool's is at most 1), and 2 for attached weights, which also
have s R as a slope once more. So all of the above is c/2 times as large. A sigmoid has n shares,
none over 1, in the place of those that sum to 1, and a sum of n terms of at most S + ln 2: n times
as large. A temperature of each modality moves the scales of its pairs by at most twice as much.

d bias          c (r + (n + 8) u), times s for one in cosines: the sum of all derivatives by logits

The coefficients of all terms sum to 1. Where the objective is a sum over directions they sum to its
weights' sum, and the bounds are as many times as large.

The inputs are rounded before both sides see them, so their rounding does not count. Rows of
bfloat16 are exact in float32, in which everything is computed: so u is that of float32, and the
gradient by the rows, which has their dtype, is rounded once more, to within 2^-8 of its norm.
"""

from dataclasses import dataclass

import numpy as np

from gcl_spec._typing import FloatArray
from gcl_spec.conformance.cases.case import Case
from gcl_spec.objective import Objective

__all__ = ["Bounds", "bounds", "computed_in", "rounded", "unit_roundoff"]


@dataclass(frozen=True, slots=True)
class Bounds:
    """The largest allowed absolute errors; that of `grads` is a Frobenius norm."""

    loss: float
    grads: float
    dlog_scale: float
    dbias: float = 0.0


def unit_roundoff(dtype: str) -> float:
    """Half the distance from 1 to the next number: 6e-8 for float32, 1.1e-16 for float64."""
    return 2.0**-8 if dtype == "bfloat16" else float(np.finfo(dtype).eps) / 2


def computed_in(dtype: str) -> str:
    """The dtype of logits, sums and loss for rows of `dtype`."""
    return "float32" if dtype == "bfloat16" else dtype


def rounded(x: FloatArray, dtype: str) -> FloatArray:
    """The nearest numbers of `dtype`, ties to even, in float64.

    Args:
        x: any shape.
        dtype: "float64", "float32" or "bfloat16".

    Returns:
        The shape of `x`.

    >>> float(rounded(np.asarray(1.01), "bfloat16"))
    1.0078125
    """
    if dtype != "bfloat16":
        return x.astype(dtype).astype(np.float64)
    bits = np.asarray(x, np.float32).view(np.uint32)  # bfloat16 is the upper half of these bits
    even = bits >> np.uint32(16) & np.uint32(1)
    upper = (bits + np.uint32(0x7FFF) + even) & np.uint32(0xFFFF0000)
    return np.where(np.isfinite(x), upper.view(np.float32), x).astype(np.float64)


def bounds(case: Case, dtype: str, loss: float, gradient: float) -> Bounds:
    """The bounds of this module's docstring for one case.

    Args:
        case: the inputs.
        dtype: the dtype of the rows.
        loss: the reference's loss.
        gradient: the Frobenius norm of the reference's gradient by the rows.
    """
    u = unit_roundoff(computed_in(dtype))
    stored = unit_roundoff(dtype) * gradient if computed_in(dtype) != dtype else 0.0
    fused, rule = case.fused, case.objective
    modalities, batch, width = fused.rows_MBD.shape
    candidates = modalities * batch
    scale, shift = _largest_scale(case), _largest_shift(case)
    cancellation = fused.cancellation
    largest = float(np.linalg.norm(fused.rows_MBD, axis=-1).max())
    widest = max(largest, cancellation)
    logit, wide_logit = scale * largest**2 + shift, scale * widest**2 + shift
    e, back = (width + 4) * u * wide_logit, 0.0
    if fused.parts:
        e += 8 * u * wide_logit + (width + 4 * cancellation + 6) * u * logit
        back = 4 * scale * widest * (2 * width + 4 * cancellation + 20) * u
    log_sum = e + (2 * logit + candidates + 6) * u
    share, sums = 2 * log_sum, (candidates + 8) * u
    grads = 4 * scale * (largest * share + widest * sums)
    total = sum(d.weight for d in rule.directions) if rule.reduction == "sum" else 1.0
    total *= _log_sums(rule) / 2 if rule.loss == "softmax" else candidates
    term = 2 * e + (4 * logit + 2 * float(np.log(candidates)) + candidates + 6) * u
    by_scale = 2 * logit * share + 2 * wide_logit * sums + 2 * e
    return Bounds(
        loss=total * term + (len(rule.directions) * batch + 4) * u * abs(loss),
        grads=total * (grads + 2 * fused.slope * (grads + back)) + stored,
        dlog_scale=total * by_scale * (2 if rule.scales == "modality" else 1),
        dbias=2 * total * (share + sums) * (scale if rule.bias_unit == "cosine" else 1.0),
    )


def _largest_scale(case: Case) -> float:
    """The largest scale of a logit, with what hardness weights add to it."""
    return float(np.exp(case.log_scale).max()) + case.objective.hardness


def _largest_shift(case: Case) -> float:
    """The largest shift of a logit; 0 without a bias."""
    if case.bias is None:
        return 0.0
    in_logits = case.objective.bias_unit == "logit"
    return float(np.abs(case.bias).max()) * (1.0 if in_logits else _largest_scale(case))


def _log_sums(rule: Objective) -> int:
    """The number of log-sums, or means, that a term is made of."""
    more = (rule.positives != "each") + (rule.debias > 0)
    attached = rule.hardness > 0 and rule.hardness_weights == "attached"
    return 2 + int(more) + 2 * int(attached)
