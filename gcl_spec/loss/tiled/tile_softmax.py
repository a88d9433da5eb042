"""What one tile adds to the sums of all rows (forward), and d loss / d logits of it (backward).

Arrays of the asked blocks are stacked: (K, T), in the order of `Layout.blocks`. Logits, and the
logarithms of sums, are in units of ln 2.
"""

from typing import NamedTuple

from gcl_spec._typing import Array, ArrayNamespace
from gcl_spec.loss.tiled.log_sums import LogSums, log2_sum
from gcl_spec.loss.tiled.tile_logits import (
    LN2,
    BlockMap,
    Layout,
    Side,
    TileGrads,
    exp2,
    logits,
    pull_back,
)

__all__ = ["Own", "Sums", "Weights", "backward_tile", "forward_tile"]


class _Masks(NamedTuple):
    """(Ta, Tb) booleans over pairs of samples; None where there is nothing to mask."""

    others: Array | None
    """Have they different ids?"""
    own: Array | None
    """Are they the same sample, or each other's positives?"""


class Own(NamedTuple):
    """Sums over a row's positives, (K, T) each: log2 sum exp2, sum of logits, number."""

    logs: LogSums
    linear: Array
    count: Array


class Sums(NamedTuple):
    """What a tile adds to the sums of the rows of a and of b.

    others: over other samples' rows, (K, T), sums of exp2(logit - shift), or with no shift their
    logarithms. Those of b are None for the tile of one side with itself; `own` are None where the
    own sample is the single positive: `gcl_spec.loss.tiled.own_logits` has those.
    """

    others_a: Array | LogSums
    others_b: Array | LogSums | None
    own_a: Own | None = None
    own_b: Own | None = None


class Weights(NamedTuple):
    """Derivatives by the sums of the rows of one side, (K, T) each, or K of (T,).

    A logit x adds to its row others * exp2(x - others_top) where the samples differ, and
    own * exp2(x - own_top) + mean where they are one, or positives. A shared shift stands in the
    place of others_top.
    """

    others: Array
    others_top: Array
    own: Array
    own_top: Array
    mean: Array
    """Divided by the number of positives; of a single one the log-sum is in here too."""


def forward_tile(
    given: BlockMap,
    a: Side,
    b: Side,
    layout: Layout,
    same: bool,
    shift: Array | float | None,
    xp: ArrayNamespace,
) -> Sums:
    """The sums of a tile, from the `products` of its two sides.

    same: are the two sides one? shift: see `gcl_spec.loss.tiled.shared_shift`; None: each row's own
    maximum.
    """
    masks = _masks_of(a, b, layout, same, xp)
    s = _damped(logits(given, a, b, layout, xp).all, _damping(a, b, xp))
    if same and shift is None:
        s = _symmetric(s, xp)
    others_a, others_b = _others(s, a, b, masks, layout, same, shift, xp)
    if not layout.positives or masks.own is None:
        return Sums(others_a, others_b)
    own_a = _own(s, b, masks.own, layout, 1, xp)
    own_b = None if same else _own(s, a, masks.own, layout, 0, xp)
    return Sums(others_a, others_b, own_a, own_b)


def backward_tile(
    given: BlockMap,
    w_a: Weights,
    w_b: Weights,
    a: Side,
    b: Side,
    layout: Layout,
    same: bool,
    shift: Array | float | None,
    xp: ArrayNamespace,
) -> TileGrads:
    """The gradients of a tile, given the derivatives by the sums of its rows."""
    masks = _masks_of(a, b, layout, same, xp)
    s, damping = logits(given, a, b, layout, xp), _damping(a, b, xp)
    x = _damped(s.all, damping)
    if same and shift is None:
        x = _symmetric(x, xp)
    p = _d_logits(x, w_a, w_b, a, b, masks, layout, shift, xp)
    by_damp = None if damping is None else _by_damp(p, s.all, damping, xp)
    return pull_back(_damped(p, damping), s, a, b, layout, same, xp)._replace(damp=by_damp)


def _damping(a: Side, b: Side, xp: ArrayNamespace) -> Array | None:
    """1 - s_j . s_k, (Ta, Tb)."""
    if a.damp is None or b.damp is None:
        return None
    return 1 - a.damp @ xp.matrix_transpose(b.damp)


def _damped(x: BlockMap, damping: Array | None) -> BlockMap:
    """The blocks, of which those within one modality are damped."""
    if damping is None:
        return x
    return {(m, n): y * damping if m == n else y for (m, n), y in x.items()}


def _symmetric(x: BlockMap, xp: ArrayNamespace) -> BlockMap:
    """The logits of a side with itself, where those of (m, j) with (n, k) and of (n, k) with (m, j)
    are one number to the last digit: next to a maximum of its own a row has no digit to lose."""
    turned = {at: xp.matrix_transpose(y) for at, y in x.items()}
    return {
        (m, n): 0.5 * (y + turned[m, m]) if m == n else y if m < n else turned[n, m]
        for (m, n), y in x.items()
    }


def _by_damp(p: BlockMap, s: BlockMap, damping: Array, xp: ArrayNamespace) -> Array:
    """d loss / d (s_j . s_k)"""
    within = [p[m, n] * s[m, n] for m, n in p if m == n]
    return -LN2 * sum(within, start=xp.zeros_like(damping))


def _masks_of(a: Side, b: Side, layout: Layout, same: bool, xp: ArrayNamespace) -> _Masks:
    """Which pairs of samples are negatives, which positives."""
    if a.ids is not None and b.ids is not None:
        alike = a.ids[:, None] == b.ids[None, :]
        if layout.positives:
            return _Masks(~alike, alike)
        return _Masks(~alike, _diagonal(a, layout, xp) if same else None)
    if not same:
        return _Masks(None, None)
    own = _diagonal(a, layout, xp)
    return _Masks(~own, own)


def _others(
    s: BlockMap,
    a: Side,
    b: Side,
    masks: _Masks,
    layout: Layout,
    same: bool,
    shift: Array | float | None,
    xp: ArrayNamespace,
) -> tuple[Array | LogSums, Array | LogSums | None]:
    """The sums over other samples' rows."""
    if shift is None:
        logs = _log_sums(s, b, masks.others, layout, 1, xp)
        return logs, None if same else _log_sums(s, a, masks.others, layout, 0, xp)
    e = {at: _exp2(x, shift, masks.others, xp) for at, x in s.items()}
    rows = [_sum(e[m, n], b, n, 1, xp) for m, n in layout.blocks]
    columns = [] if same else [_sum(e[n, m], a, n, 0, xp) for m, n in layout.blocks]
    return xp.stack(rows), xp.stack(columns) if columns else None


def _own(s: BlockMap, b: Side, own: Array, layout: Layout, axis: int, xp: ArrayNamespace) -> Own:
    """The sums over positives of the rows (axis 1) or columns (axis 0); `b` is the other side."""
    found = []
    for m, n in layout.blocks:
        x = s[(m, n) if axis == 1 else (n, m)]
        mask = xp.astype(own, x.dtype)
        if b.present is not None:
            mask *= _column(b.present[n, :], 1 - axis)
        linear, count = xp.sum(x * mask, axis=axis), xp.sum(mask, axis=axis)
        found.append((*_log_sum(x, mask > 0, axis, xp), linear, count))
    top, rest, linear, count = (xp.stack(list(x)) for x in zip(*found, strict=True))
    return Own(LogSums(top, rest), linear, count)


def _d_logits(
    s: BlockMap,
    w_a: Weights,
    w_b: Weights,
    a: Side,
    b: Side,
    masks: _Masks,
    layout: Layout,
    shift: Array | float | None,
    xp: ArrayNamespace,
) -> BlockMap:
    """d loss / d logits of every pair of modalities, both directions together."""
    at = {block: i for i, block in enumerate(layout.blocks)}
    found: BlockMap = {}
    for (m, n), x in s.items():
        sides = [
            (w, at[block], axis)
            for w, block, axis in ((w_a, (m, n), 1), (w_b, (n, m), 0))
            if block in at
        ]
        if shift is None:
            mask = _and_present(_and_present(masks.others, b, n, 1), a, m, 0)
            y = x if mask is None else xp.where(mask, x, -xp.inf)
            p = _add([_share(y, w.others[k], w.others_top[k], axis, xp) for w, k, axis in sides])
        else:
            p = _exp2(x, shift, masks.others, xp)
            p *= _add([_column(w.others[k], axis) for w, k, axis in sides])
        if masks.own is not None:
            q = _add([_column(w.mean[k], axis) for w, k, axis in sides])
            if layout.positives:
                here = _and_present(_and_present(masks.own, b, n, 1), a, m, 0)
                y = xp.where(here, x, -xp.inf)
                shares = [_share(y, w.own[k], w.own_top[k], axis, xp) for w, k, axis in sides]
                q = q + _add(shares)
            p = xp.where(masks.own, q, p)
        found[m, n] = p
    return found


def _share(x: Array, weight: Array, top: Array, axis: int, xp: ArrayNamespace) -> Array:
    """weight * exp2(x - top), where the latter is x's row's (axis 1) or column's."""
    e = exp2(x - _column(top, axis), xp)
    e *= _column(weight, axis)
    return e


def _diagonal(side: Side, layout: Layout, xp: ArrayNamespace) -> Array:
    ones = xp.ones_like(side.kind(0, layout)[:, 0], dtype=xp.int32)
    places = xp.cumulative_sum(ones, axis=0, dtype=xp.int32)
    return places[:, None] == places[None, :]


def _exp2(x: Array, shift: Array | float, mask: Array | None, xp: ArrayNamespace) -> Array:
    e = exp2(x if _is_zero(shift) else x - shift, xp)
    if mask is not None:
        e *= xp.astype(mask, e.dtype)
    return e


def _is_zero(shift: Array | float) -> bool:
    return isinstance(shift, float) and shift == 0.0


def _sum(e: Array, other: Side, n: int, axis: int, xp: ArrayNamespace) -> Array:
    if other.present is None:
        return xp.sum(e, axis=axis)
    return e @ other.present[n, :] if axis == 1 else other.present[n, :] @ e


def _log_sums(
    s: BlockMap, other: Side, mask: Array | None, layout: Layout, axis: int, xp: ArrayNamespace
) -> LogSums:
    found = []
    for m, n in layout.blocks:
        x = s[(m, n) if axis == 1 else (n, m)]
        found.append(_log_sum(x, _and_present(mask, other, n, axis), axis, xp))
    top, rest = (xp.stack(list(x)) for x in zip(*found, strict=True))
    return LogSums(top, rest)


def _log_sum(x: Array, mask: Array | None, axis: int, xp: ArrayNamespace) -> LogSums:
    """log2 sum exp2 along an axis, where the mask holds."""
    if mask is not None:
        x = xp.where(mask, x, -xp.inf)
    top = xp.max(x, axis=axis, keepdims=True)
    total = xp.sum(exp2(x - xp.where(top > -xp.inf, top, xp.zeros_like(top)), xp), axis=axis)
    return LogSums(xp.squeeze(top, axis=axis), log2_sum(total, xp))


def _and_present(mask: Array | None, other: Side, n: int, axis: int) -> Array | None:
    if other.present is None:
        return mask
    here = other.present[n, None, :] > 0 if axis == 1 else other.present[n, :, None] > 0
    return here if mask is None else mask & here


def _column(x: Array, axis: int) -> Array:
    return x[:, None] if axis == 1 else x[None, :]


def _add(x: list[Array]) -> Array:
    return x[0] + x[1] if len(x) == 2 else x[0]
