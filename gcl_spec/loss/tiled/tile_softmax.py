"""The softmaxes of one tile: what it adds to the sums of all rows, and d loss / d logits of it.

A block (m, n) holds the logits x of rows j of side a in modality m with rows k of side b in n:

    x_jk = (scale / ln 2) e_m^j . e_n^k,    times 1 - S_j . S_k where m = n and there are captions.

**Forward.** For every asked block, each row keeps three sums, and the loss is made of them alone
(`gcl_spec.loss.softmax_terms.SoftmaxTerms`; arXiv 2509.25638, eq. 2):

    others_j = log2 sum_{k in N(j)} 2^x_jk    N(j): present samples whose id is another's
    own_j    = log2 sum_{k in P(j)} 2^x_jk    P(j): the sample itself, or all samples of its id
    mean_j   = 1 / |P(j)|  sum_{k in P(j)} x_jk

**Backward.** The framework gives the derivatives of the loss by these sums, in natural units:
g^others_j, g^own_j and g^mean_j. A log-sum-exp's derivative by a logit is that logit's share, so

    p_jk          = 2^(x_jk - others_j),       q_jk = 2^(x_jk - own_j)
    (dL/ds)_jk    = g^others_j p_jk            where k in N(j)
                  = g^own_j q_jk + g^mean_j / |P(j)|    where k in P(j),    s = x ln 2.

For GCL that is the well-known softmax minus the positives' targets. A block's entry is a logit of
two rows: of j, in block (m, n), and of k, in block (n, m), because s_jk of the one is s_kj of the
other. `gcl_spec.loss.tiled.d_logits` adds both, D_jk = (dL/ds)_jk + (dL/ds)_kj, and so visits each
pair once. Shares are computed as g 2^-rest 2^(x - top) of a log-sum top + rest
(`gcl_spec.loss.tiled.log_sums`).

Blocks at other scales, and a sigmoid's, are in `gcl_spec.loss.tiled.scales`. From D,
`gcl_spec.loss.tiled.pull_back` goes on to what is differentiated. With a mixed row
e_m = f z_a + g z_b of two given rows, s_m = f s_a + g s_b in every block, hence

    given products   G^(a,n)_jk += f_j D^(m,n)_jk,  G^(b,n)_jk += g_j D^(m,n)_jk;  columns likewise
    rows             dL/dz_c^j   = scale sum_{c'} sum_k G^(c,c')_jk z_c'^k
    mixing factors   dL/df_j     = sum_n sum_k D^(m,n)_jk s^(a,n)_jk,  with s^(b,n) for g_j;
                     of one factor w for both, w_j dL/dw_j = sum_n sum_k D^(m,n)_jk s^(m,n)_jk
    scale            dL/d ln(scale) = sum over all pairs of G_jk s_jk: logits are linear in it
    captions         dL/d(S_j . S_k) = - sum_m D^(m,m)_jk s^(m,m)_jk; D^(m,m) is times
                     1 - S_j . S_k in all of the above, whose s are those before damping.

Arrays of the asked blocks are stacked: (K, T), in the order of `Layout.blocks`. Logits, and the
logarithms of sums, are in units of ln 2.
"""

from collections.abc import Sequence

from gcl_spec._typing import Array, ArrayNamespace
from gcl_spec.loss.tiled.d_logits import d_logits, d_negatives
from gcl_spec.loss.tiled.log_sums import LogSums, log2_sum
from gcl_spec.loss.tiled.masks import (
    Masks,
    column,
    damped,
    damping_of,
    exp2_where,
    masked,
    masks_of,
    where_present,
)
from gcl_spec.loss.tiled.pull_back import TileGrads, pull_back
from gcl_spec.loss.tiled.row_sums import Own, Sums, Weights
from gcl_spec.loss.tiled.scales import (
    ONE,
    PlacedMap,
    Scales,
    at_places,
    by_base,
    by_scales,
    by_shifts,
    softplus,
)
from gcl_spec.loss.tiled.tile_logits import (
    LN2,
    BlockMap,
    Layout,
    Side,
    exp2,
    logits,
)
from gcl_spec.loss.unstack import unstack

__all__ = ["backward_tile", "forward_tile"]


def forward_tile(
    given: BlockMap,
    a: Side,
    b: Side,
    layout: Layout,
    same: bool,
    shift: Array | float | None,
    xp: ArrayNamespace,
    scales: Scales = ONE,
) -> Sums:
    """The sums of a tile, (K, Ta) of side a's rows and (K, Tb) of side b's.

    Args:
        given: the products of the two sides' given rows, (Ta, Tb) each
            (`gcl_spec.loss.tiled.tile_logits.products`).
        a: the first side, of Ta samples.
        b: the second side, of Tb samples.
        layout: the static part of the problem.
        same: whether the two sides are one.
        shift: what all exponents have less, 0-d (`gcl_spec.loss.tiled.shared_shift`); None: each
            row's own maximum.
        xp: the Array API namespace of the arrays.
        scales: the scales of the blocks' places.
    """
    masks = masks_of(a, b, layout, same, xp)
    s = damped(logits(given, a, b, layout, xp).all, damping_of(a, b, xp))
    if same and shift is None:
        s = _symmetric(s, xp)
    x = at_places(s, layout, scales)
    others_a, others_b = _others(x, a, b, masks, layout, same, shift, xp)
    if not layout.positives or masks.own is None:
        return Sums(others_a, others_b)
    own_a = _own(x, b, masks.own, layout, 1, xp)
    own_b = None if same else _own(x, a, masks.own, layout, 0, xp)
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
    scales: Scales = ONE,
) -> TileGrads:
    """The gradients of a tile: by the products, (Ta, Tb) each, the factors, and the scales.

    Args:
        given: the products of the two sides' given rows, (Ta, Tb) each; this uses up none of them.
        w_a: the derivatives by the sums of side a's rows, (Ta,) each.
        w_b: the derivatives by the sums of side b's rows, (Tb,) each.
        a: the first side, of Ta samples.
        b: the second side, of Tb samples.
        layout: the static part of the problem.
        same: whether the two sides are one.
        shift: as in `forward_tile`, 0-d or None.
        xp: the Array API namespace of the arrays.
        scales: the scales of the blocks' places.
    """
    masks = masks_of(a, b, layout, same, xp)
    s, damping = logits(given, a, b, layout, xp), damping_of(a, b, xp)
    x = damped(s.all, damping)
    if same and shift is None:
        x = _symmetric(x, xp)
    placed = at_places(x, layout, scales)
    negatives = d_negatives(placed, w_a, w_b, a, b, masks, layout, shift, xp)
    p = d_logits(negatives, placed, w_a, w_b, a, b, masks, layout, xp)
    half = 0.5 if same else 1.0  # `p` then counts every pair twice
    by_scale, by_shift = None, None
    if layout.places:
        by_scale = half * LN2 * by_scales(p, x, scales, xp)
    if scales.shifts is not None:
        by_shift = half * by_shifts(negatives, scales, xp)
    d = by_base(p, layout, scales)
    by_damp = None if damping is None else _by_damp(d, s.all, damping, xp)
    gradients = pull_back(damped(d, damping), s, a, b, layout, same, xp)
    if by_scale is not None:
        gradients = gradients._replace(log_scale=by_scale)
    return gradients._replace(damp=by_damp, shift=by_shift)


def _symmetric(x: BlockMap, xp: ArrayNamespace) -> BlockMap:
    """The logits of a side with itself, (T, T) each, symmetric to the last digit.

    The logit of (m, j) with (n, k) and that of (n, k) with (m, j) become one number: next to a
    maximum of its own a row has no digit to lose.
    """
    turned = {at: xp.matrix_transpose(y) for at, y in x.items()}
    return {
        (m, n): 0.5 * (y + turned[m, m]) if m == n else y if m < n else turned[n, m]
        for (m, n), y in x.items()
    }


def _by_damp(p: BlockMap, s: BlockMap, damping: Array, xp: ArrayNamespace) -> Array:
    """d loss / d (S_j . S_k), (Ta, Tb), of the captions' features S."""
    within = [p[m, n] * s[m, n] for m, n in p if m == n]
    return -LN2 * sum(within, start=xp.zeros_like(damping))


def _others(
    x: PlacedMap,
    a: Side,
    b: Side,
    masks: Masks,
    layout: Layout,
    same: bool,
    shift: Array | float | None,
    xp: ArrayNamespace,
) -> tuple[Array | LogSums, Array | LogSums | None]:
    """The sums over other samples' rows, (K, Ta) of side a and (K, Tb) of side b."""
    if layout.sigmoid:
        e = {at: masked(softplus(y, xp), masks.others, xp) for at, y in x.items()}
    elif shift is None:
        logs = _log_sums(x, b, masks.others, layout, 1, xp)
        return logs, None if same else _log_sums(x, a, masks.others, layout, 0, xp)
    else:
        e = {at: exp2_where(y, shift, masks.others, xp) for at, y in x.items()}
    rows = [_sum(e[m, n, c], b, n, 1, xp) for m, n, c in layout.keys]
    columns = [] if same else [_sum(e[n, m, c], a, n, 0, xp) for m, n, c in layout.keys]
    return xp.stack(rows), xp.stack(columns) if columns else None


def _own(s: PlacedMap, b: Side, own: Array, layout: Layout, axis: int, xp: ArrayNamespace) -> Own:
    """The sums over positives, (K, T), of rows (axis 1) or columns (axis 0); `b` is the other side.

    own: which pairs of samples are positives, (Ta, Tb).
    """
    blocks = [s[(m, n, c) if axis == 1 else (n, m, c)] for m, n, c in layout.keys]
    every = xp.astype(own, blocks[0].dtype)
    masks = {n: every for _, n, _ in layout.keys}
    if b.present is not None:
        masks = {n: every * column(b.present[n, :], 1 - axis) for n in masks}
    counts = {n: xp.sum(mask, axis=axis) for n, mask in masks.items()}
    both = [(x, masks[n]) for x, (_, n, _) in zip(blocks, layout.keys, strict=True)]
    return Own(
        logs=_log_sums_of([xp.where(mask > 0, x, -xp.inf) for x, mask in both], axis, xp),
        linear=xp.stack([xp.sum(x * mask, axis=axis) for x, mask in both]),
        count=xp.stack([counts[n] for _, n, _ in layout.keys]),
    )


def _sum(e: Array, other: Side, n: int, axis: int, xp: ArrayNamespace) -> Array:
    """The sums of e, (Ta, Tb), over the other side's present rows of modality n: (T,)."""
    if other.present is None:
        return xp.sum(e, axis=axis)
    return e @ other.present[n, :] if axis == 1 else other.present[n, :] @ e


def _log_sums(
    s: PlacedMap, other: Side, mask: Array | None, layout: Layout, axis: int, xp: ArrayNamespace
) -> LogSums:
    """The logarithms of the sums of rows (axis 1) or columns (axis 0) of all blocks, (K, T)."""
    blocks = []
    for m, n, c in layout.keys:
        x, here = s[(m, n, c) if axis == 1 else (n, m, c)], where_present(mask, other, n, axis)
        blocks.append(x if here is None else xp.where(here, x, -xp.inf))
    return _log_sums_of(blocks, axis, xp)


def _log_sums_of(blocks: Sequence[Array], axis: int, xp: ArrayNamespace) -> LogSums:
    """log2 sum exp2 of blocks, (Ta, Tb) each, along an axis: (K, T)."""
    top = xp.stack([xp.max(x, axis=axis) for x in blocks])
    shift = unstack(xp.where(top > -xp.inf, top, xp.zeros_like(top)), xp)
    terms = (exp2(x - column(y, axis), xp) for x, y in zip(blocks, shift, strict=True))
    return LogSums(top, log2_sum(xp.stack([xp.sum(x, axis=axis) for x in terms]), xp))
