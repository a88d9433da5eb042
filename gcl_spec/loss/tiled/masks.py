"""Which pairs of samples of two sides are negatives, which positives, and how logits are damped."""

from typing import NamedTuple

from gcl_spec._typing import Array, ArrayNamespace
from gcl_spec.loss.tiled.tile_logits import BlockMap, Layout, Side, exp2

__all__ = [
    "Masks",
    "column",
    "damped",
    "damping_of",
    "exp2_where",
    "masked",
    "masks_of",
    "where_present",
]


class Masks(NamedTuple):
    """Booleans over the pairs of samples of two sides, (Ta, Tb); None where nothing is masked."""

    others: Array | None
    """(Ta, Tb), true where two samples have different ids: their rows are negatives."""
    own: Array | None
    """(Ta, Tb), true where the two are the same sample, or each other's positives."""


def masks_of(a: Side, b: Side, layout: Layout, same: bool, xp: ArrayNamespace) -> Masks:
    """The masks, (Ta, Tb), of two sides; `same` says whether the two are one."""
    if a.samples is not None and b.samples is not None:
        own = a.samples[:, None] == b.samples[None, :]
        alike = own if a.ids is None else a.ids[:, None] == b.ids[None, :]  # type: ignore[index]
        return Masks(~alike, alike if layout.positives else own)
    if a.ids is not None and b.ids is not None:
        alike = a.ids[:, None] == b.ids[None, :]
        if layout.positives:
            return Masks(~alike, alike)
        return Masks(~alike, _diagonal(a, layout, xp) if same else None)
    if not same:
        return Masks(None, None)
    own = _diagonal(a, layout, xp)
    return Masks(~own, own)


def where_present(mask: Array | None, other: Side, n: int, axis: int) -> Array | None:
    """A mask, (Ta, Tb) or None, without the rows of the other side that are not present.

    Args:
        mask: booleans, (Ta, Tb); None masks nothing.
        other: the side that the logits' columns (axis 1) or rows (axis 0) belong to.
        n: the modality of that side's rows.
        axis: 1 or 0.
    """
    if other.present is None:
        return mask
    here = other.present[n, None, :] > 0 if axis == 1 else other.present[n, :, None] > 0
    return here if mask is None else mask & here


def damping_of(a: Side, b: Side, xp: ArrayNamespace) -> Array | None:
    """The factors 1 - s_j . s_k of cosines within one modality, (Ta, Tb), or None.

    s are the captions' features (AlignCLIP's separation, `gcl_spec.objective.SEPARATION`).
    """
    if a.damp is None or b.damp is None:
        return None
    return 1 - a.damp @ xp.matrix_transpose(b.damp)


def damped(x: BlockMap, damping: Array | None) -> BlockMap:
    """The blocks, (Ta, Tb) each, of which those within one modality are times `damping`."""
    if damping is None:
        return x
    return {(m, n): y * damping if m == n else y for (m, n), y in x.items()}


def column(x: Array, axis: int) -> Array:
    """One number for each row (axis 1) or column (axis 0) of a block: (T, 1) or (1, T) of (T,)."""
    return x[:, None] if axis == 1 else x[None, :]


def _diagonal(side: Side, layout: Layout, xp: ArrayNamespace) -> Array:
    """True on the diagonal, (T, T)."""
    # Counting ones gives 1..T on the device of the rows, which traced arrays do not tell.
    ones = xp.ones_like(side.kind(0, layout)[:, 0], dtype=xp.int32)
    places = xp.cumulative_sum(ones, axis=0, dtype=xp.int32)
    return places[:, None] == places[None, :]


def exp2_where(x: Array, shift: Array | float, mask: Array | None, xp: ArrayNamespace) -> Array:
    """exp2(x - shift), (Ta, Tb), where a mask holds, and 0 elsewhere.

    Args:
        x: logits, (Ta, Tb).
        shift: a number or shape ().
        mask: booleans, (Ta, Tb); None: all hold.
        xp: the Array API namespace of the arrays.
    """
    e = exp2(x if _is_zero(shift) else x - shift, xp)
    return masked(e, mask, xp)


def masked(e: Array, mask: Array | None, xp: ArrayNamespace) -> Array:
    """An array, (Ta, Tb), where a mask holds, and 0 elsewhere.

    Args:
        e: the array, (Ta, Tb); this may use it up.
        mask: booleans, (Ta, Tb); None: all hold.
        xp: the Array API namespace of the arrays.
    """
    if mask is not None:
        e *= xp.astype(mask, e.dtype)
    return e


def _is_zero(shift: Array | float) -> bool:
    return isinstance(shift, float) and shift == 0.0
