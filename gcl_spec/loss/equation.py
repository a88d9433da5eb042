"""The equation. Array API terms only: the arrays' own framework differentiates it.

    L = -1/(|P| B)  sum_j  sum_{(a, b) in P}  log  exp(e_a^j . e_b^j / tau)
                                                   / sum_{(m, k) in pool} exp(e_a^j . e_m^k / tau)

(arXiv 2509.25638, equation 2). `gcl_spec.objective` says which directions P and which pool.
"""

from collections.abc import Mapping
from typing import TypedDict, Unpack

from array_api_compat import array_namespace

from gcl_spec._typing import Array, ArrayNamespace
from gcl_spec.loss.check_shapes import check_objective, check_stack
from gcl_spec.loss.check_values import check_pairs
from gcl_spec.loss.inputs import (
    LossOptions,
    Weights,
    at_least_32_bits,
    check,
    given_modalities,
    may_be_fused,
    namespace_of,
    pair_rows,
    prepare,
)
from gcl_spec.loss.kernel import Kernel, PartialKernel, kernel_for
from gcl_spec.loss.plan import plans_by_scale
from gcl_spec.loss.terms import LossTerms, mean_term, term_values
from gcl_spec.objective import GCL, Objective

__all__ = [
    "LossOptions",
    "LossTerms",
    "StackedOptions",
    "check_stacked",
    "contrastive_loss",
    "contrastive_terms",
    "gcl_loss",
    "mean_term",
    "stacked_loss",
    "stacked_terms",
    "unstacked",
]


class StackedOptions(TypedDict, total=False):
    """The further options of `stacked_loss`."""

    present_MB: Array | None
    ids_B: Array | None
    weights: Array | None
    xp: ArrayNamespace | None
    kernel: Kernel | None


def gcl_loss(
    image: Array,
    text: Array,
    fused: Array | None = None,
    *,
    log_scale: Array | float,
    objective: Objective = GCL,
    weights: Weights | None = None,
    present: Mapping[str, Array] | None = None,
    ids: Array | None = None,
    captions: Array | None = None,
    xp: ArrayNamespace | None = None,
    kernel: Kernel | None = None,
) -> Array:
    """Generalized contrastive loss of a batch of image-caption pairs (arXiv 2509.25638, eq. 2).

    Every row of every modality (image, text, image+text) looks for its sample's rows of the other
    modalities among all rows of all modalities. Equals CLIP's loss with `objective=CLIP`.

    Args:
        image, text: unit rows, shape (B, D), real floating, of any Array API framework. Rows are
            used as they come: normalise them first (`gcl_spec.normalize.l2_normalize`).
        fused: unit rows of the fused image+text embedding, (B, D); normalise(image + text) when
            not given. An objective without "image+text", such as `CLIP`, takes no notice of it.
        log_scale: ln(1 / temperature), a float or a 0-d array (CLIP starts at ln(1 / 0.07)), or
            one for each of the objective's directions, (T,).
        objective: which directions are contrasted with which pool.
        weights: of image and text in the fusion, normalise(w_i image + w_t text); numbers or (B,)
            each. The norms of raw projections give UniIR's sum of unnormalised projections.
        present: (B,) booleans by modality name; rows that are not present are in no pool, in no
            direction, and get an exactly zero gradient. "image+text" is present where both are,
            unless given.
        ids: (B,) integers; samples with equal ids are not each other's negatives.
        captions: (B, F) unit sentence features s of the captions: logits within one modality are
            multiplied by 1 - s_j . s_k, as AlignCLIP's separation has it (`SEPARATION`).
        xp: the Array API namespace; found from the arrays when not given.
        kernel: computes the log-sum-exps. When not given, for PyTorch and JAX the tiled one with
            memory O(B D), whose options are arguments of `gcl_torch.gcl_loss` and
            `gcl_jax.gcl_loss`; `gcl_spec.loss.plain.plain_blocks` is differentiable twice.

    Returns:
        0-d array; float32 for 16-bit input, else the dtype of the input.

    Raises:
        InputError: shapes or dtypes that differ, and, where values can be read without waiting for
            a device (not in compiled code, not on a GPU): NaN or Inf, zero rows, no valid pair.

    >>> import numpy as np
    >>> float(gcl_loss(np.eye(4), np.eye(4), log_scale=0.0).round(6))
    1.669764
    """
    return contrastive_loss(
        pair_rows(image, text, fused, objective),
        log_scale=log_scale,
        objective=objective,
        weights=None if weights is None else {"image+text": weights},
        present=present,
        ids=ids,
        captions=captions,
        xp=xp,
        kernel=kernel,
    )


def contrastive_loss(
    embeddings: Mapping[str, Array],
    *,
    log_scale: Array | float,
    objective: Objective,
    **options: Unpack[LossOptions],
) -> Array:
    """The objective on any modalities; `gcl_loss` is its common case.

    Args:
        embeddings: rows by modality name, each of shape (B, D): those of `objective.modalities`,
            of which "a+b" may be left out: it is the fusion of "a" and "b".
        log_scale, objective, options: as in `gcl_loss`; `weights` by the fused modality's name.

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
    xp = namespace_of(embeddings, options)
    terms, dtype = _terms(embeddings, log_scale, objective, xp, options)
    return xp.astype(mean_term(terms, objective, xp=xp), dtype)


def contrastive_terms(
    embeddings: Mapping[str, Array],
    *,
    log_scale: Array | float,
    objective: Objective,
    **options: Unpack[LossOptions],
) -> LossTerms:
    """The loss of every direction and sample, before the mean; arguments as `contrastive_loss`."""
    xp = namespace_of(embeddings, options)
    (values, valid), dtype = _terms(embeddings, log_scale, objective, xp, options)
    return LossTerms(xp.astype(values, dtype), valid)


def stacked_loss(
    z_MBD: Array,
    log_scale: Array | float,
    *,
    objective: Objective,
    **options: Unpack[StackedOptions],
) -> Array:
    """The objective on rows stacked in the order of `objective.modalities`.

    Args:
        z_MBD: shape (M, B, D); without the modalities "a+b" it is as in `contrastive_loss`.
        log_scale: as in `gcl_loss`.
        objective: its modalities are those of the rows.
        options: `present_MB`, (M, B) booleans; `ids_B`, (B,) integers; `weights`, (F, 2, B), of the
            two parts of each of the F modalities that are not given; `xp` and `kernel`, as in
            `gcl_loss`.

    Returns:
        0-d array.

    Raises:
        InputError: as `gcl_loss`.
    """
    rows, further = unstacked(z_MBD, objective, **options)
    return contrastive_loss(rows, log_scale=log_scale, objective=objective, **further)


def stacked_terms(
    z_MBD: Array,
    log_scale: Array | float,
    *,
    objective: Objective,
    **options: Unpack[StackedOptions],
) -> LossTerms:
    """The loss of every direction and sample, before the mean; arguments as `stacked_loss`."""
    rows, further = unstacked(z_MBD, objective, **options)
    return contrastive_terms(rows, log_scale=log_scale, objective=objective, **further)


def check_stacked(
    z_MBD: Array,
    log_scale: Array | float,
    *,
    objective: Objective,
    **options: Unpack[StackedOptions],
) -> None:
    """Refuse what `stacked_loss` refuses, before it is compiled; arguments as there."""
    rows, further = unstacked(z_MBD, objective, **options)
    check(rows, log_scale=log_scale, objective=objective, **further)


def _terms(
    embeddings: Mapping[str, Array],
    log_scale: Array | float,
    objective: Objective,
    xp: ArrayNamespace,
    options: LossOptions,
) -> tuple[LossTerms, object]:
    """The terms in the kernel's dtype, and the one that the caller gets."""
    first = next(iter(embeddings.values()))
    kernel = options.get("kernel") or kernel_for(first)
    problem = prepare(
        embeddings,
        log_scale=log_scale,
        objective=objective,
        whole=not isinstance(kernel, PartialKernel),
        **options,
    )
    dtype = at_least_32_bits(first.dtype, xp)
    found: dict[int, Array] = {}
    present = problem.present
    for scale, plan in plans_by_scale(log_scale, objective, problem.rows[0], xp):
        asked = problem.ask(plan)
        blocks = kernel(asked, scale, xp=xp)
        found |= term_values(blocks, asked.blocks, plan, asked.own_is_one, xp)
        if blocks.present is not None:  # of samples that only the kernel has
            present = blocks.present
    values = xp.stack([found[t] for t in range(len(found))])
    index = objective.modalities.index
    if present is None:
        return LossTerms(values, xp.ones_like(values, dtype=xp.bool)), dtype
    here = [present[m, ...] for m in range(len(objective.modalities))]
    check_pairs(objective, dict(zip(objective.modalities, here, strict=True)), xp)
    valid = xp.stack([here[index(d.query)] & here[index(d.target)] for d in objective.directions])
    return LossTerms(xp.where(valid, values, xp.zeros_like(values)), valid), dtype


def unstacked(
    z_MBD: Array, objective: Objective, **options: Unpack[StackedOptions]
) -> tuple[dict[str, Array], LossOptions]:
    """The rows by modality, and the other arguments of `contrastive_loss`, of `stacked_loss`'s.

    Raises:
        InputError: shapes that do not fit the objective.
    """
    xp = options.get("xp") or array_namespace(z_MBD)
    present_MB = options.get("present_MB")
    weights = options.get("weights")
    check_objective(objective)
    given = sum(not may_be_fused(name, objective.modalities) for name in objective.modalities)
    check_stack(z_MBD, given, objective, present_MB, weights, xp)
    names = given_modalities(objective, z_MBD.shape[0])
    further = LossOptions(ids=options.get("ids_B"), xp=xp, kernel=options.get("kernel"))
    if present_MB is not None:
        flags = {name: present_MB[m, ...] for m, name in enumerate(objective.modalities)}
        further["present"] = flags
    if weights is not None:
        fused = [name for name in objective.modalities if name not in names]
        further["weights"] = {
            name: (weights[f, 0, ...], weights[f, 1, ...]) for f, name in enumerate(fused)
        }
    return {name: z_MBD[m, ...] for m, name in enumerate(names)}, further
