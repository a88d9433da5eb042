"""The equation. Array API terms only: the arrays' own framework differentiates it.

    L = -1/(|P| B)  sum_j  sum_{(a, b) in P}  log  exp(e_a^j . e_b^j / tau)
                                                   / sum_{(m, k) in pool} exp(e_a^j . e_m^k / tau)

(arXiv 2509.25638, equation 2). `gcl_spec.objective` says which directions P and which pool.
"""

import math
from collections.abc import Mapping
from typing import NamedTuple

from array_api_compat import array_namespace

from gcl_spec._typing import Array, ArrayNamespace
from gcl_spec.checks import check_alike, check_fusion, check_stack, check_values, stack_rows
from gcl_spec.normalize import l2_normalize
from gcl_spec.objective import GCL, Objective
from gcl_spec.plan import Softmax, make_plan

__all__ = [
    "LossTerms",
    "contrastive_loss",
    "gcl_loss",
    "mean_term",
    "stacked_loss",
    "stacked_terms",
]


class LossTerms(NamedTuple):
    """The loss of every direction and sample, -log of the positive's share of the pool."""

    values: Array
    """(T, B), in the order of `objective.directions`; 0 where not valid."""
    valid: Array
    """(T, B) booleans: query and target are both present."""


def gcl_loss(
    image: Array,
    text: Array,
    fused: Array | None = None,
    *,
    log_scale: Array | float,
    objective: Objective = GCL,
    present: Mapping[str, Array] | None = None,
    ids: Array | None = None,
    xp: ArrayNamespace | None = None,
) -> Array:
    """Generalized contrastive loss of a batch of image-caption pairs (arXiv 2509.25638, eq. 2).

    Every row of every modality (image, text, image+text) looks for its sample's rows of the other
    modalities among all rows of all modalities. Equals CLIP's loss with `objective=CLIP`.

    Args:
        image, text: unit rows, shape (B, D), real floating, of any Array API framework. Rows are
            used as they come: normalise them first (`gcl_spec.normalize.l2_normalize`).
        fused: unit rows of the fused image+text embedding, (B, D); normalise(image + text) when
            not given.
        log_scale: ln(1 / temperature), a float or a 0-d array; CLIP starts at ln(1 / 0.07).
        objective: which directions are contrasted with which pool.
        present: (B,) booleans by modality name; rows that are not present are in no pool, in no
            direction, and get an exactly zero gradient. "image+text" is present where both are,
            unless given.
        ids: (B,) integers; samples with equal ids are not each other's negatives.
        xp: the Array API namespace; found from the arrays when not given.

    Returns:
        0-d array; float32 for 16-bit input, else the dtype of the input.

    Raises:
        InputError: shapes or dtypes that differ, and, where values can be read without waiting for
            a device (not in compiled code, not on a GPU): NaN or Inf, zero rows, no valid pair.

    >>> import numpy as np
    >>> float(gcl_loss(np.eye(4), np.eye(4), log_scale=0.0).round(6))
    1.669764
    """
    xp = array_namespace(image, text) if xp is None else xp
    rows = {"image": image, "text": text}
    flags = dict(present or {})
    if "image+text" in objective.modalities:
        if fused is None:
            check_alike(rows)
            check_fusion(image, text, flags, xp)
            # Missing rows first: a NaN would reach the gradient through the normalisation.
            parts = [_present_rows(rows[name], flags.get(name), xp) for name in rows]
            fused = l2_normalize(parts[0] + parts[1], xp=xp)
        rows["image+text"] = fused
        given = [flags[name] for name in ("image", "text") if name in flags]
        if given and all(flag.shape == given[0].shape for flag in given):
            flags.setdefault("image+text", given[0] if len(given) == 1 else given[0] & given[1])
    return contrastive_loss(
        rows, log_scale=log_scale, objective=objective, present=flags, ids=ids, xp=xp
    )


def contrastive_loss(
    embeddings: Mapping[str, Array],
    *,
    log_scale: Array | float,
    objective: Objective,
    present: Mapping[str, Array] | None = None,
    ids: Array | None = None,
    xp: ArrayNamespace | None = None,
) -> Array:
    """The objective on any modalities; `gcl_loss` is its common case.

    Args:
        embeddings: rows by modality name, each of shape (B, D); exactly `objective.modalities`.
        log_scale, objective, present, ids, xp: as in `gcl_loss`.

    Returns:
        0-d array.

    Raises:
        InputError: as `gcl_loss`, and where the names are not the objective's.

    >>> import numpy as np
    >>> audio_text = Objective(modalities=("audio", "text"))
    >>> rows = {"audio": np.eye(4), "text": np.eye(4)}
    >>> float(contrastive_loss(rows, log_scale=0.0, objective=audio_text).round(6))
    1.165422
    """
    xp = array_namespace(*embeddings.values()) if xp is None else xp
    z_MBD, present_MB = stack_rows(embeddings, present, objective, xp)
    return stacked_loss(
        z_MBD, log_scale, objective=objective, present_MB=present_MB, ids_B=ids, xp=xp
    )


def stacked_loss(
    z_MBD: Array,
    log_scale: Array | float,
    *,
    objective: Objective,
    present_MB: Array | None = None,
    ids_B: Array | None = None,
    xp: ArrayNamespace | None = None,
) -> Array:
    """The objective on rows stacked in the order of `objective.modalities`.

    Args:
        z_MBD: shape (M, B, D). present_MB: (M, B) booleans. ids_B: (B,) integers.
        log_scale, objective, xp: as in `gcl_loss`.

    Returns:
        0-d array.

    Raises:
        InputError: as `gcl_loss`.
    """
    xp = array_namespace(z_MBD) if xp is None else xp
    terms = stacked_terms(
        z_MBD, log_scale, objective=objective, present_MB=present_MB, ids_B=ids_B, xp=xp
    )
    return mean_term(terms, objective, xp=xp)


def stacked_terms(
    z_MBD: Array,
    log_scale: Array | float,
    *,
    objective: Objective,
    present_MB: Array | None = None,
    ids_B: Array | None = None,
    xp: ArrayNamespace | None = None,
) -> LossTerms:
    """The loss of every direction and sample, before the mean; arguments as `stacked_loss`."""
    xp = array_namespace(z_MBD) if xp is None else xp
    check_stack(z_MBD, log_scale, objective, present_MB, ids_B, xp)
    check_values(z_MBD, log_scale, objective, present_MB, xp)
    if xp.finfo(z_MBD.dtype).bits < 32:
        z_MBD = xp.astype(z_MBD, xp.float32)
    if present_MB is None:
        present_MB = xp.ones_like(z_MBD[:, :, 0], dtype=xp.bool)
    z_MBD = xp.where(present_MB[:, :, None], z_MBD, xp.zeros_like(z_MBD))
    scale = _scale(log_scale, z_MBD, xp)
    own_BB, alike_BB = _classes(z_MBD, objective, ids_B, xp)
    terms: dict[int, tuple[Array, Array]] = {}
    for softmax in make_plan(objective):
        scores_BPB = scale * _dots(z_MBD, softmax, xp)
        mask_BPB = _candidates(softmax, own_BB, alike_BB, present_MB, xp)
        pool_B = _masked_logsumexp(scores_BPB, mask_BPB, xp)
        for target in softmax.targets:
            at = softmax.pool.index(target.modality)
            positive_BB = own_BB & present_MB[target.modality, None, :]
            valid_B = present_MB[softmax.query, ...] & present_MB[target.modality, ...]
            value_B = pool_B - _masked_mean(scores_BPB[:, at, :], positive_BB, xp)
            terms[target.term] = xp.where(valid_B, value_B, xp.zeros_like(value_B)), valid_B
    values, valid = zip(*(terms[t] for t in range(len(terms))), strict=True)
    return LossTerms(xp.stack(values), xp.stack(valid))


def mean_term(terms: LossTerms, objective: Objective, *, xp: ArrayNamespace | None = None) -> Array:
    """The weighted mean over valid terms, as `objective.balance` says; a 0-d array.

    With every row present and equal weights both kinds of balance are 1/(T B) sum of the terms.
    """
    xp = array_namespace(terms.values) if xp is None else xp
    dtype = terms.values.dtype
    total = weight = 0.0
    for t, direction in enumerate(objective.directions):
        sum_, count = xp.sum(terms.values[t, ...]), xp.sum(xp.astype(terms.valid[t, ...], dtype))
        if objective.balance == "direction":
            sum_, count = sum_ / xp.where(count > 0, count, 1.0), xp.astype(count > 0, dtype)
        total = total + direction.weight * sum_
        weight = weight + direction.weight * count
    return total / weight


def _present_rows(x_BD: Array, present_B: Array | None, xp: ArrayNamespace) -> Array:
    if present_B is None or tuple(present_B.shape) != (x_BD.shape[0],):
        return x_BD  # a wrong shape is told of later, with the others
    return xp.where(present_B[:, None], x_BD, xp.zeros_like(x_BD))


def _scale(log_scale: Array | float, z_MBD: Array, xp: ArrayNamespace) -> Array | float:
    if isinstance(log_scale, int | float):
        return math.exp(log_scale)
    # In the wider of the two dtypes: rounding ln(scale) costs more digits than rounding the scale.
    wide = xp.astype(log_scale, xp.result_type(log_scale, z_MBD))
    return xp.astype(xp.exp(wide), z_MBD.dtype)


def _classes(
    z_MBD: Array, objective: Objective, ids_B: Array | None, xp: ArrayNamespace
) -> tuple[Array, Array]:
    """Which samples k hold positives of sample j, and which hold no negatives: (B, B) each."""
    # Counting ones gives 0..B-1 on the device of z, which traced arrays do not tell.
    ones_B = xp.ones_like(z_MBD[0, :, 0], dtype=xp.int32)
    places_B = xp.cumulative_sum(ones_B, axis=0, dtype=xp.int32)
    own_BB = places_B[:, None] == places_B[None, :]
    if ids_B is None:
        return own_BB, own_BB
    alike_BB = ids_B[:, None] == ids_B[None, :]
    return (alike_BB if objective.duplicates == "positive" else own_BB), alike_BB


def _dots(z_MBD: Array, softmax: Softmax, xp: ArrayNamespace) -> Array:
    _, batch, width = z_MBD.shape
    pool_PBD = xp.stack([z_MBD[m, :, :] for m in softmax.pool])
    rows_ND = xp.reshape(pool_PBD, (len(softmax.pool) * batch, width))
    dots_BN = z_MBD[softmax.query, :, :] @ xp.matrix_transpose(rows_ND)
    return xp.reshape(dots_BN, (batch, len(softmax.pool), batch))


def _candidates(
    softmax: Softmax, own_BB: Array, alike_BB: Array, present_MB: Array, xp: ArrayNamespace
) -> Array:
    """(B, P, B): is row (pool modality, sample k) a candidate of query row j?"""
    others_BB = ~alike_BB
    masks = [
        ((others_BB | own_BB) if m in softmax.own else others_BB) & present_MB[m, None, :]
        for m in softmax.pool
    ]
    return xp.stack(masks, axis=1)


def _masked_logsumexp(x_BPB: Array, mask_BPB: Array, xp: ArrayNamespace) -> Array:
    """log sum exp over the last two axes where the mask holds; 0 where it holds nowhere."""
    # Masked before the maximum: a self logit far above the others would underflow all of them.
    x_BPB = xp.where(mask_BPB, x_BPB, -xp.inf)
    top = xp.max(x_BPB, axis=(1, 2), keepdims=True)
    some = xp.any(mask_BPB, axis=(1, 2), keepdims=True)
    top = xp.where(some, top, xp.zeros_like(top))
    sums = xp.sum(xp.exp(x_BPB - top), axis=(1, 2), keepdims=True)
    return (xp.log(xp.where(some, sums, xp.ones_like(sums))) + top)[:, 0, 0]


def _masked_mean(x_BB: Array, mask_BB: Array, xp: ArrayNamespace) -> Array:
    count_B = xp.sum(xp.astype(mask_BB, x_BB.dtype), axis=1)
    sum_B = xp.sum(xp.where(mask_BB, x_BB, xp.zeros_like(x_BB)), axis=1)
    return sum_B / xp.where(count_B > 0, count_B, xp.ones_like(count_B))
