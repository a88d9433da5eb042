"""The equation. Array API terms only: the arrays' own framework differentiates it.

    L = -1/(|P| B)  sum_j  sum_{(a, b) in P}  log  exp(e_a^j . e_b^j / tau)
                                                   / sum_{(m, k) in pool} exp(e_a^j . e_m^k / tau)

(arXiv 2509.25638, equation 2). `gcl_spec.objective` says which directions P and which pool.

There is one way through it: shapes are checked, then values; then a kernel computes the
log-sum-exps of all rows, terms are made of them, and their weighted mean is the loss.
"""

from collections.abc import Mapping
from typing import Unpack

from gcl_spec._typing import Array, ArrayNamespace
from gcl_spec.errors import InputError
from gcl_spec.loss.check_shapes import check_shapes
from gcl_spec.loss.check_values import check_pairs, check_values
from gcl_spec.loss.counts import Counts
from gcl_spec.loss.inputs import Inputs, LossOptions, Weights, check_objective, prepare
from gcl_spec.loss.kernel import (
    ConstantKernel,
    FrameworkKernel,
    Kernel,
    PartialKernel,
    framework_kernel,
)
from gcl_spec.loss.one_scale import ask_kernel
from gcl_spec.loss.places import Constant, Places
from gcl_spec.loss.plain import plain_blocks
from gcl_spec.loss.plan import make_plan
from gcl_spec.loss.softmax_terms import SoftmaxTerms, asked_blocks, with_family
from gcl_spec.loss.terms import LossTerms, mean_term, valid_terms
from gcl_spec.objective import GCL, Objective

__all__ = [
    "LossOptions",
    "LossTerms",
    "checked",
    "contrastive_loss",
    "contrastive_terms",
    "gcl_loss",
    "mean_term",
    "pair_rows",
    "pair_weights",
]


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
    bias: Array | float | None = None,
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
            not given. An objective without "image+text", such as `CLIP`, takes no notice of it and
            of `weights`.
        log_scale: ln(1 / temperature), a float or a 0-d array (CLIP starts at ln(1 / 0.07)), or
            one for each of the objective's directions, (T,), or what else its `scales` say.
        objective: which directions are contrasted with which pool.
        weights: of image and text in the fusion, normalise(w_i image + w_t text); numbers or (B,)
            each. The norms of raw projections give UniIR's sum of unnormalised projections.
        present: (B,) booleans by modality name; rows that are not present are in no pool, in no
            direction, and get an exactly zero gradient. "image+text" is present where both are,
            unless its flags are given: where one part is absent, it is the other part alone.
        ids: (B,) integers; samples with equal ids are not each other's negatives.
        captions: (B, F) unit sentence features s of the captions: cosines within one modality are
            multiplied by 1 - s_j . s_k, as AlignCLIP's separation has it (`SEPARATION`).
        bias: shifts logits, a number, shape (), or (M, M) by query and pool modality, in the order
            of `objective.modalities`; in units of logits, or of cosines, as its `bias_unit` says.
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
        weights=pair_weights(weights, objective),
        present=present,
        ids=ids,
        captions=captions,
        bias=bias,
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
            of which "a+b" may be left out: it is the fusion of "a" and "b", which are then given.
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
    terms, inputs = _terms(embeddings, log_scale, objective, options)
    xp = inputs.xp
    return xp.astype(mean_term(terms, objective, xp=xp), inputs.dtype)


def contrastive_terms(
    embeddings: Mapping[str, Array],
    *,
    log_scale: Array | float,
    objective: Objective,
    **options: Unpack[LossOptions],
) -> LossTerms:
    """The loss of every direction and sample, (T, B), before the mean.

    Args:
        embeddings: rows by modality name, (B, D) each.
        log_scale: a number, shape (), or (T,), as in `gcl_loss`.
        objective: whose T directions are contrasted.
        options: as in `contrastive_loss`.

    Raises:
        InputError: as `gcl_loss`.
    """
    (values, valid), inputs = _terms(embeddings, log_scale, objective, options)
    return LossTerms(inputs.xp.astype(values, inputs.dtype), valid)


def pair_rows(
    image: Array, text: Array, fused: Array | None, objective: Objective
) -> dict[str, Array]:
    """The rows of `gcl_loss` by modality, (B, D) each; `fused` where the objective has its name."""
    check_objective(objective)
    rows = {"image": image, "text": text}
    if fused is not None and "image+text" in objective.modalities:
        rows["image+text"] = fused
    return rows


def pair_weights(weights: Weights | None, objective: Objective) -> dict[str, Weights] | None:
    """The weights of `gcl_loss` by modality; None for an objective that fuses nothing."""
    if weights is None or "image+text" not in objective.modalities:
        return None
    return {"image+text": weights}


def checked(
    embeddings: Mapping[str, Array],
    *,
    log_scale: Array | float,
    objective: Objective,
    whole: bool = True,
    **options: Unpack[LossOptions],
) -> Inputs:
    """The arguments by the names of modalities, when they have a loss; else an error.

    It is what `contrastive_loss` does first: one pass over shapes, one over values.

    Args:
        embeddings: rows by modality name, (B, D) each.
        log_scale: a number, shape (), or (T,), as in `gcl_loss`.
        objective: the objective.
        whole: whether this is the whole batch; else other processes may hold samples of it.
        options: as in `contrastive_loss`.

    Raises:
        InputError: as `gcl_loss`.
    """
    inputs = check_shapes(
        embeddings, log_scale=log_scale, objective=objective, whole=whole, **options
    )
    check_values(inputs, framework_kernel(inputs.first))
    return inputs


def _terms(
    embeddings: Mapping[str, Array],
    log_scale: Array | float,
    objective: Objective,
    options: LossOptions,
) -> tuple[LossTerms, Inputs]:
    """The terms, (T, B), in the kernel's dtype, and the arguments that they are the terms of."""
    framework = framework_kernel(next(iter(embeddings.values()), None))
    kernel = options.get("kernel") or framework or plain_blocks
    whole = not isinstance(kernel, PartialKernel)
    inputs = check_shapes(
        embeddings, log_scale=log_scale, objective=objective, whole=whole, **options
    )
    check_values(inputs, framework)
    xp, problem = inputs.xp, prepare(inputs)
    constant = _constant(objective, framework)
    places = Places(objective, log_scale, inputs.bias, problem.rows[0], constant, xp)
    plan = make_plan(objective)
    asked = asked_blocks(plan, places, objective, single=problem.own_is_one)
    problem = with_family(problem.ask_for(asked, plan), plan, places, objective, xp)
    blocks = ask_kernel(kernel, problem, places.scales(), xp)
    present = problem.present if blocks.present is None else blocks.present
    ids = problem.ids if blocks.ids is None else blocks.ids  # of samples that only the kernel has
    counts = Counts(xp.matrix_transpose(blocks.mean), present, ids, xp)
    terms = SoftmaxTerms(blocks, asked, places, objective, problem.own_is_one, counts, xp)
    values = terms.values(plan)
    if present is not None and not whole:
        flags = {name: present[m, ...] for m, name in enumerate(objective.modalities)}
        check_pairs(objective, flags, xp, framework)
    return valid_terms(values, present, objective, xp), inputs


def _constant(objective: Objective, framework: FrameworkKernel | None) -> Constant:
    """The function that gives an array without its gradient; itself where none is taken.

    Raises:
        InputError: the objective needs it, and the framework's kernel has none.
    """
    if objective.hardness_weights != "detached" or framework is None:
        return lambda x: x
    if not isinstance(framework, ConstantKernel):
        raise InputError(
            "hardness_weights = 'detached' needs a kernel that gives arrays without their gradient "
            "(gcl_spec.backend.ConstantKernel), which that of this framework is not"
        )
    return framework.constant
