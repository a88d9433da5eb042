"""The arguments of the loss, made of the projections of a model: what every trainer does alike."""

from collections.abc import Mapping, Sequence
from functools import reduce
from operator import and_
from typing import NamedTuple

from gcl_spec._typing import Array, ArrayNamespace
from gcl_spec.loss.two_sided import of_both_sides, taken_apart, target_name, two_sided
from gcl_spec.normalize import centred, l2_normalize, row_norms
from gcl_spec.objective import Fuse, Objective, fusion_weights, given_names, name_parts

__all__ = ["Projected", "numbers_of", "of_projections"]


class Projected(NamedTuple):
    """Arguments of `gcl_spec.loss.contrastive_loss`, which fuses what is missing of its parts."""

    rows: dict[str, Array]
    """Unit rows (B, D) by modality."""
    present: dict[str, Array]
    """Flags (B,) by modality."""
    weights: dict[str, tuple[Array, Array]] | None
    """The weights (B,) of the two parts of each fused modality; None where they are equal."""
    ids: Array
    """Integers (B,); samples with equal ones are not each other's negatives."""
    objective: Objective
    """The objective; of pairs, that whose directions go from queries to targets."""


def of_projections(
    projections: Mapping[str, Array],
    present: Mapping[str, Array],
    ids: Array,
    objective: Objective,
    *,
    fuse: Fuse,
    weights: Mapping[str, tuple[Array, Array]] | None = None,
    means: Mapping[str, Array] | None = None,
    pairs: bool,
    xp: ArrayNamespace,
) -> Projected:
    """The rows of a batch as the loss takes them.

    A fused modality of which a model has projections of its own is a row like any other. The loss
    makes the others of the rows of their parts, which costs no product of matrices.

    Args:
        projections: rows (B, D) of any norm, by modality.
        present: flags (B,) of the given modalities.
        ids: integers (B,).
        objective: which modalities are contrasted.
        fuse: how the others are made (`gcl_spec.batch.embeddings`); a model that encodes fused
            modalities itself does so with all of them.
        weights: the learned weights of the two parts of each fused modality, shape () each.
        means: the means by which rows are centred, (D,) by modality, held constant, with "centred";
            a query and its target have the same.
        pairs: the rows are queries, and behind each its target (`gcl_spec.loss.two_sided`).
        xp: the Array API namespace of the arrays.
    """
    if fuse == "centred":
        known = means or {}
        units = {name: l2_normalize(x, xp=xp) for name, x in projections.items()}
        projections = {name: centred(x, known[name], xp=xp) for name, x in units.items()}
    if pairs:
        projections, present, ids = taken_apart(projections), taken_apart(present), ids[::2]
        objective = two_sided(objective)
    modalities = objective.modalities
    joined = [name for name in modalities if len(name_parts(name)) > 1 and name in projections]
    names = (*given_names([name for name in modalities if name not in joined]), *joined)
    rows = {name: l2_normalize(projections[name], xp=xp) for name in names}
    flags = {name: reduce(and_, [present[part] for part in name_parts(name)]) for name in names}
    of_parts = None
    if fuse == "raw" and not joined:
        norms = {name: row_norms(projections[name], xp=xp) for name in names}
        of_parts = fusion_weights(objective, norms)
    if fuse == "learned":
        of_parts = _of_samples(weights or {}, modalities, ids.shape[0], xp)
    return Projected(rows, flags, of_parts, ids, objective)


def _of_samples(
    weights: Mapping[str, tuple[Array, Array]],
    modalities: Sequence[str],
    count: int,
    xp: ArrayNamespace,
) -> dict[str, tuple[Array, Array]]:
    """Weights of parts as those of each sample, (B,), so that processes share their gradient.

    A target has the weights of its modality.
    """
    every = {**weights, **{target_name(name): pair for name, pair in weights.items()}}
    return {
        name: (xp.broadcast_to(pair[0], (count,)), xp.broadcast_to(pair[1], (count,)))
        for name, pair in every.items()
        if name in modalities
    }


def numbers_of(
    log_scale: Array, bias: Array | None, objective: Objective, *, pairs: bool, xp: ArrayNamespace
) -> tuple[Array, Array | None]:
    """The scale and bias of a model as the loss of `of_projections` takes them.

    Args:
        log_scale: shape (), (T,), (M, M) or (G,), as `objective.scales` says.
        bias: shape () or (M, M), or None.
        objective: the objective of the model's modalities.
        pairs: the rows are queries and targets, which have the numbers of the same modalities.
        xp: the Array API namespace of the arrays.

    Returns:
        The scale, shape (), (T,), (M', M') or (G',), and the bias, () or (M', M'), or None; with
        pairs M' and G' count the modalities of `gcl_spec.loss.two_sided.two_sided`.
    """
    if not pairs:
        return log_scale, bias
    scale = of_both_sides(log_scale, objective, bias=False, xp=xp)
    return scale, None if bias is None else of_both_sides(bias, objective, bias=True, xp=xp)
