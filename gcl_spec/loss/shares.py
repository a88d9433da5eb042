"""A bias by which each modality holds a stated share of the pools, as a running estimate.

The derivative of the loss by the bias of a query modality a and a pool modality m is, over the
weight of a's terms, the share of the softmax that rows of m hold, less the share of terms whose
positive is of m: that of a log-sum-exp by its logits (equation 2 of arXiv 2509.25638). So each step
tells the shares, and the bias moves part of the way to where they are as stated, as logit
adjustment (arXiv 2007.07314) does for classes by their frequencies.
"""

from collections.abc import Mapping

from gcl_spec._typing import Array, ArrayNamespace
from gcl_spec.objective import Objective

__all__ = ["RATE", "balanced_bias", "target_shares"]

RATE = 0.1
"""The part of the way to its wanted value that a bias moves in a step."""
_LEAST = 1e-6


def target_shares(objective: Objective, shares: Mapping[str, float]) -> tuple[float, ...]:
    """The shares of the modalities, in their order, which sum to 1.

    Args:
        objective: whose modalities they are of.
        shares: numbers above 0 by modality, of which ratios count; 1 for one that is not named.

    >>> target_shares(Objective(), {"image": 2.0})
    (0.5, 0.25, 0.25)
    """
    ratios = [shares.get(name, 1.0) for name in objective.modalities]
    return tuple(share / sum(ratios) for share in ratios)


def balanced_bias(
    bias_MM: Array,
    dbias_MM: Array,
    pairs_T: Array,
    objective: Objective,
    shares: Mapping[str, float],
    *,
    xp: ArrayNamespace,
) -> Array:
    """The bias after a step, (M, M) by query and pool modality; a query's biases sum to 0.

    Args:
        bias_MM: the bias of the step, (M, M).
        dbias_MM: the gradient of the step's loss by it, (M, M).
        pairs_T: the samples that had both sides of each direction, (T,).
        objective: GCL's equation, with `pool = "all"` and no term that changes its shares.
        shares: the wanted shares, as in `target_shares`.
        xp: the Array API namespace of the arrays.
    """
    weight_MM = _weights(pairs_T, objective, dbias_MM, xp)
    of_query_M1 = xp.sum(weight_MM, axis=1, keepdims=True)
    some_M1 = of_query_M1 > 0
    shares_MM = (dbias_MM + weight_MM) / xp.where(some_M1, of_query_M1, xp.ones_like(of_query_M1))
    shares_MM = xp.where(shares_MM > _LEAST, shares_MM, xp.full_like(shares_MM, _LEAST))
    wanted = target_shares(objective, shares)
    wanted_MM = xp.stack([xp.full_like(shares_MM[:, 0], share) for share in wanted], axis=1)
    moved_MM = bias_MM + RATE * (xp.log(wanted_MM) - xp.log(shares_MM))
    moved_MM = moved_MM - xp.mean(moved_MM, axis=1, keepdims=True)
    return xp.where(some_M1, moved_MM, bias_MM)


def _weights(pairs_T: Array, objective: Objective, like_MM: Array, xp: ArrayNamespace) -> Array:
    """The weight of the terms from each query modality to each target modality, (M, M).

    It is that of `gcl_spec.loss.terms.mean_term`.
    """
    index, by_pair = objective.modalities.index, objective.balance == "pair"
    zero = xp.zeros_like(like_MM[0, 0])
    weights = {(m, n): zero for m in range(len(like_MM)) for n in range(len(like_MM))}
    total = occurring = zero
    for t, direction in enumerate(objective.directions):
        occurs = xp.astype(pairs_T[t] > 0, like_MM.dtype)
        weight = direction.weight * (xp.astype(pairs_T[t], like_MM.dtype) if by_pair else occurs)
        at = index(direction.query), index(direction.target)
        weights[at] = weights[at] + weight
        total, occurring = total + weight, occurring + direction.weight * occurs
    factor = occurring if objective.reduction == "sum" else xp.ones_like(zero)
    count = range(len(objective.modalities))
    rows = [xp.stack([weights[m, n] for n in count]) for m in count]
    return xp.stack(rows) * (factor / xp.where(total > 0, total, xp.ones_like(total)))
