"""Lengths of texts: few are compiled, and the shorter texts of a batch take a shorter pass.

A batch is as long as its longest text, though most of its texts are far shorter. JAX compiles a
program for each shape, so there are three lengths: all tokens that a model takes, about half of
them, and about a quarter. In a step of the training, texts go in order of their lengths where two
thirds of them fit into half of the columns, and the tower then runs once for these and once for the
others. The rows are what they are without that, up to rounding: padding has no say in them.
"""

from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

__all__ = ["even_lengths", "in_two_lengths", "lengths_of", "longest_last"]

Arrays = dict[str, Any]
_IDS, _MASK, _PLACE = "text/input_ids", "text/attention_mask", "text/place"
_MULTIPLE = 8


def lengths_of(most: int) -> list[int]:
    """The lengths that are compiled, of which the last one is `most`.

    >>> lengths_of(64), lengths_of(77), lengths_of(8)
    ([16, 32, 64], [24, 40, 77], [8])
    """
    half = min(_half(most), most)
    return sorted({min(_half(half), most), half, most})


def even_lengths(inputs: Arrays, most: int, longest: Callable[[int], int] = int) -> Arrays:
    """The inputs with token arrays (B, L) padded to the next of `lengths_of(most)`.

    Args:
        inputs: arrays of B samples by name.
        most: the tokens that the model takes.
        longest: maps the length of this process's texts to the largest of all processes.
    """
    if _IDS not in inputs:
        return inputs
    own = inputs[_IDS].shape[1]
    length = longest(own)
    wanted = next((n for n in lengths_of(most) if n >= length), length)
    padding = ((0, 0), (0, wanted - own))
    return inputs | {name: np.pad(inputs[name], padding) for name in (_IDS, _MASK)}


def longest_last(inputs: Arrays, most: int) -> Arrays:
    """The inputs with texts in order of their lengths, where a shorter pass serves two thirds.

    Then there is a further input, the place (B,) of each sample's text in that order.

    Args:
        inputs: arrays of B samples by name, of `even_lengths`.
        most: the tokens that the model takes.
    """
    if _IDS not in inputs or inputs[_IDS].shape[1] not in lengths_of(most)[1:]:
        return inputs
    rows, columns = _short_part(*inputs[_IDS].shape)
    mask_BL = inputs[_MASK] > 0
    lengths_B = np.where(mask_BL, np.arange(1, mask_BL.shape[1] + 1), 0).max(axis=1)
    order_B = np.argsort(lengths_B, kind="stable")
    if not rows or lengths_B[order_B[rows - 1]] > columns:
        return inputs
    place_B = np.empty(len(order_B), np.int32)
    place_B[order_B] = np.arange(len(order_B))
    return inputs | {_IDS: inputs[_IDS][order_B], _MASK: inputs[_MASK][order_B], _PLACE: place_B}


def in_two_lengths(
    tower: Callable[[jax.Array, jax.Array], jax.Array], inputs: Mapping[str, jax.Array]
) -> jax.Array:
    """The outputs (B, F) of a tower of texts, in the order of the samples.

    Args:
        tower: maps tokens and mask, (b, L) each, to outputs (b, F).
        inputs: by name, tokens and mask (B, L), in the order of `longest_last` where it gave one.
    """
    ids_BL, mask_BL = inputs[_IDS], inputs[_MASK]
    if _PLACE not in inputs:
        return tower(ids_BL, mask_BL)
    rows, columns = _short_part(*ids_BL.shape)
    short = tower(ids_BL[:rows, :columns], mask_BL[:rows, :columns])
    return jnp.concatenate([short, tower(ids_BL[rows:], mask_BL[rows:])])[inputs[_PLACE]]


def _short_part(size: int, length: int) -> tuple[int, int]:
    """The numbers of rows and of columns of the shorter pass."""
    return 2 * size // 3, _half(length)


def _half(length: int) -> int:
    return -(-length // (2 * _MULTIPLE)) * _MULTIPLE
