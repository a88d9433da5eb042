"""Smaller candidate rows: fewer numbers, and numbers of 8 bits; `bits` has those of one bit.

Queries stay in floating point: there are few, and what is lost on them is lost for every candidate.
"""

from array_api_compat import array_namespace

from gcl_spec._typing import Array, ArrayNamespace
from gcl_spec.errors import InputError, InputTypeError
from gcl_spec.normalize import l2_normalize

__all__ = ["check_rows", "cut", "from_int8", "int8_ranges", "quantise_int8"]

_STEPS = 255
_HALF_RANGE = 1e38
"""Above twice this the size of a range may overflow in 32 bits."""


def cut(rows_ND: Array, width: int) -> Array:
    """The first numbers of rows as unit rows again.

    Models that are trained for it have most of the meaning there (Matryoshka representation
    learning, arXiv 2205.13147); other models lose with each number what it holds.

    Args:
        rows_ND: queries or candidates, (N, D), real floating.
        width: how many numbers are kept, from 1 to D.

    Returns:
        Shape (N, width); the rows themselves where nothing is cut. A row of zeros stays one.

    Raises:
        InputError: the rows are narrower.

    >>> import numpy as np
    >>> cut(np.asarray([[3.0, 4.0, 12.0]]) / 13, 2)
    array([[0.6, 0.8]])
    """
    full_width = int(rows_ND.shape[1])
    if not 1 <= width <= full_width:
        raise InputError(
            f"rows of {full_width} numbers cannot be cut to {width}; wanted 1 to {full_width}"
        )
    return rows_ND if width == full_width else l2_normalize(rows_ND[:, :width])


def int8_ranges(rows_ND: Array) -> Array:
    """The smallest and the largest number of every dimension, which `quantise_int8` takes.

    They are the `ranges` of sentence-transformers' `quantize_embeddings(precision="int8")`. Take
    them from many candidates: one row has no range.

    Args:
        rows_ND: rows like those to store, (N, D), real floating, N >= 1.

    Returns:
        Shape (2, D), in at least 32 bits.

    Raises:
        InputError: there is no row, or one holds NaN or Inf.
        InputTypeError: another dtype.

    >>> import numpy as np
    >>> int8_ranges(np.asarray([[0.0, 2.0], [1.0, -2.0]]))
    array([[ 0., -2.],
           [ 1.,  2.]])
    """
    xp = array_namespace(rows_ND)
    check_rows(rows_ND, xp)
    if rows_ND.shape[0] == 0:
        raise InputError("there is no row, so dimensions have no range")
    wide_ND = _wide(rows_ND, xp)
    return xp.stack([xp.min(wide_ND, axis=0), xp.max(wide_ND, axis=0)])


def quantise_int8(rows_ND: Array, ranges_2D: Array) -> Array:
    """Rows as whole numbers of 8 bits: each dimension's own range in 255 equal steps.

    A number x is stored as round((x - low) / step) - 128, step = (high - low) / 255. What lies
    outside of the range becomes its end. sentence-transformers has the same steps, but cuts the
    fraction off instead of rounding, so that it errs by up to a step; in its older versions numbers
    outside of the range wrapped around (its pull request 3847).

    Inside of the range each number comes back (`from_int8`) within step / 2, so that the score of a
    query q moves by at most sum_d |q_d| step_d / 2 <= |q| |step| / 2, up to rounding in float32.
    The bound is derived here: rounding moves a number by at most half a step, and the second
    inequality is that of Cauchy and Schwarz.

    Args:
        rows_ND: candidates, (N, D), real floating.
        ranges_2D: the ranges of `int8_ranges`, (2, D), an array of the same library.

    Returns:
        Shape (N, D), int8. A dimension whose range is one number is stored as -128.

    Raises:
        InputError: a row holds NaN or Inf, shapes do not fit, or a range is none.
        InputTypeError: another dtype.

    >>> import numpy as np
    >>> ranges = np.asarray([[0.0, -1.0], [2.55, 1.0]])
    >>> quantise_int8(np.asarray([[0.0, 1.0], [0.014, 9.0]]), ranges)
    array([[-128,  127],
           [-127,  127]], dtype=int8)
    """
    xp = array_namespace(rows_ND, ranges_2D)
    check_rows(rows_ND, xp)
    low_D, step_D = _low_and_step(ranges_2D, int(rows_ND.shape[1]), xp)
    divisor_D = xp.where(step_D == 0, xp.ones_like(step_D), step_D)
    high_D = xp.where(step_D == 0, low_D, _wide(ranges_2D, xp)[1, :])
    inside_ND = xp.minimum(xp.maximum(_wide(rows_ND, xp), low_D), high_D)
    whole_ND = xp.round((inside_ND - low_D) / divisor_D)
    return xp.astype(xp.clip(whole_ND, 0, _STEPS) - 128, xp.int8)


def from_int8(codes_ND: Array, ranges_2D: Array) -> Array:
    """The rows that codes of 8 bits stand for: low + (code + 128) step.

    An index need not read them back. With the query times the step of each dimension, its inner
    product with codes is the score less q . (low + 128 step), which is the same for all candidates.

    Args:
        codes_ND: what `quantise_int8` gave, (N, D) int8.
        ranges_2D: the same ranges, (2, D).

    Returns:
        Shape (N, D), of the dtype of the ranges.

    Raises:
        InputError: shapes do not fit, or a range is none.
        InputTypeError: the codes are no int8.

    >>> import numpy as np
    >>> from_int8(np.asarray([[-128], [127]], np.int8), np.asarray([[-1.0], [1.0]]))
    array([[-1.],
           [ 1.]])
    """
    xp = array_namespace(codes_ND, ranges_2D)
    if codes_ND.dtype != xp.int8:
        raise InputTypeError(f"codes have dtype {codes_ND.dtype}; wanted int8")
    low_D, step_D = _low_and_step(ranges_2D, int(codes_ND.shape[1]), xp)
    return low_D + (xp.astype(codes_ND, low_D.dtype) + 128) * step_D


def check_rows(rows_ND: Array, xp: ArrayNamespace) -> None:
    """Refuse what are no rows of numbers.

    Args:
        rows_ND: shape (N, D), real floating, D >= 1.
        xp: the Array API namespace.

    Raises:
        InputError: another shape, or a row holds NaN or Inf; it says which.
        InputTypeError: another dtype, such as that of rows that were quantised before.
    """
    if rows_ND.ndim != 2 or rows_ND.shape[1] == 0:
        raise InputError(f"rows have shape {tuple(rows_ND.shape)}; wanted (N, D), D >= 1")
    if not xp.isdtype(rows_ND.dtype, "real floating"):
        raise InputTypeError(f"rows have dtype {rows_ND.dtype}; wanted real floating numbers")
    bad_N = xp.any(~xp.isfinite(rows_ND), axis=1)
    if bool(xp.any(bad_N)):
        row = int(xp.argmax(xp.astype(bad_N, xp.int32)))
        raise InputError(f"row {row} holds NaN or Inf; wanted finite numbers")


def _wide(x: Array, xp: ArrayNamespace) -> Array:
    """Numbers of any shape in at least 32 bits."""
    return xp.astype(x, xp.float32, copy=False) if xp.finfo(x.dtype).bits < 32 else x


def _low_and_step(ranges_2D: Array, width: int, xp: ArrayNamespace) -> tuple[Array, Array]:
    """The least number and the step of each dimension, (D,) each."""
    if tuple(ranges_2D.shape) != (2, width):
        raise InputError(f"ranges have shape {tuple(ranges_2D.shape)}; wanted (2, {width})")
    wide_2D = _wide(ranges_2D, xp)
    low_D, high_D = wide_2D[0, :], wide_2D[1, :]
    fine = bool(xp.all(xp.isfinite(wide_2D)))
    # Halves do not overflow.
    if not fine or not bool(xp.all((low_D <= high_D) & (high_D / 2 - low_D / 2 < _HALF_RANGE))):
        raise InputError("a range is none; wanted the smallest numbers, then the largest, finite")
    return low_D, (high_D - low_D) / _STEPS
