"""The derivatives of the loss by the logits of one tile, from the derivatives by the sums of rows.

The equations stand in the head of `gcl_spec.loss.tiled.tile_softmax`: D_jk is the sum of what row j
and row k, each by its own sums, give to their logit.
"""

from gcl_spec._typing import Array, ArrayNamespace
from gcl_spec.loss.tiled.masks import Masks, column, exp2_where, masked, where_present
from gcl_spec.loss.tiled.row_sums import Weights
from gcl_spec.loss.tiled.scales import PlacedMap, sigmoid
from gcl_spec.loss.tiled.tile_logits import Key, Layout, Side, exp2

__all__ = ["d_logits", "d_negatives"]


def d_negatives(
    x: PlacedMap,
    w_a: Weights,
    w_b: Weights,
    a: Side,
    b: Side,
    masks: Masks,
    layout: Layout,
    shift: Array | float | None,
    xp: ArrayNamespace,
) -> PlacedMap:
    """The parts of D, (Ta, Tb) each, that are due to the sums over other samples' rows."""
    gradients: PlacedMap = {}
    for (m, n, c), y in x.items():
        sides = _sides(layout, (m, n, c), w_a, w_b)
        if layout.sigmoid:
            mask = where_present(where_present(masks.others, b, n, 1), a, m, 0)
            p = masked(sigmoid(y, xp), mask, xp)
        elif shift is None:
            mask = where_present(where_present(masks.others, b, n, 1), a, m, 0)
            z = y if mask is None else xp.where(mask, y, -xp.inf)
            shares = [_share(z, w.others[k], w.others_top[k], axis, xp) for w, k, axis in sides]
            gradients[m, n, c] = _add(shares)
            continue
        else:
            p = exp2_where(y, shift, masks.others, xp)
        p *= _add([column(w.others[k], axis) for w, k, axis in sides])
        gradients[m, n, c] = p
    return gradients


def d_logits(
    negatives: PlacedMap,
    x: PlacedMap,
    w_a: Weights,
    w_b: Weights,
    a: Side,
    b: Side,
    masks: Masks,
    layout: Layout,
    xp: ArrayNamespace,
) -> PlacedMap:
    """D = d loss / d logits, (Ta, Tb), of every pair of modalities, both directions together.

    It is derived here: the logit s_jk of block (m, n) is s_kj of block (n, m), so the sums of both
    rows add to it, D_jk = (dL/ds)_jk + (dL/ds)_kj (`gcl_spec.loss.tiled.tile_softmax` has these).
    """
    if masks.own is None:
        return negatives
    gradients: PlacedMap = {}
    for (m, n, c), p in negatives.items():
        sides = _sides(layout, (m, n, c), w_a, w_b)
        q = _add([column(w.mean[k], axis) for w, k, axis in sides])
        if layout.positives:
            here = where_present(where_present(masks.own, b, n, 1), a, m, 0)
            y = xp.where(here, x[m, n, c], -xp.inf)
            shares = [_share(y, w.own[k], w.own_top[k], axis, xp) for w, k, axis in sides]
            q = q + _add(shares)
        gradients[m, n, c] = xp.where(masks.own, q, p)
    return gradients


def _sides(layout: Layout, key: Key, w_a: Weights, w_b: Weights) -> list[tuple[Weights, int, int]]:
    """The weights, block number and axis of each side that asked for a block or its transpose."""
    at, (m, n, c) = layout.at, key
    return [
        (w, at[block], axis)
        for w, block, axis in ((w_a, (m, n, c), 1), (w_b, (n, m, c), 0))
        if block in at
    ]


def _share(x: Array, weight: Array, top: Array, axis: int, xp: ArrayNamespace) -> Array:
    """weight * exp2(x - top), (Ta, Tb); weight and top are of rows (axis 1) or columns, (T,)."""
    e = exp2(x - column(top, axis), xp)
    e *= column(weight, axis)
    return e


def _add(x: list[Array]) -> Array:
    return x[0] + x[1] if len(x) == 2 else x[0]
