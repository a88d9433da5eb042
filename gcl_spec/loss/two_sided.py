"""Samples of two sides, such as composed triplets: a query, and a target that is another item.

In a pair a picture and its caption are one item, and a direction searches another modality of it.
In a composed triplet (VISTA, arXiv 2406.04292: a picture with an edit, and the edited picture) both
query and target may have pictures. A batch then has two rows a sample, that of the query and behind
it that of the target, which are encoded alike and taken apart only here, before the loss.
"""

from collections.abc import Mapping
from dataclasses import replace

from gcl_spec._typing import Array, ArrayNamespace
from gcl_spec.objective import Direction, Objective, Pool, given_names, in_order, name_parts

__all__ = ["of_both_sides", "taken_apart", "target_name", "two_sided"]

_TARGET = "target_"


def target_name(modality: str) -> str:
    """The name of a modality of the targets; of a fused one, made of the names of its parts.

    >>> target_name("image+text")
    'target_image+target_text'
    """
    return "+".join(f"{_TARGET}{part}" for part in name_parts(modality))


def two_sided(objective: Objective) -> Objective:
    """The objective whose directions go from queries to targets, each with weight and pool.

    A pool that names modalities is of the targets' rows of these.

    >>> from gcl_spec.objective import TRIPLETS
    >>> [str(direction) for direction in two_sided(TRIPLETS).directions]
    ['image+text->target_image', 'text->target_image+target_text']
    """
    directions = tuple(
        replace(direction, target=target_name(direction.target), pool=_pool_of_targets(direction))
        for direction in objective.directions
    )
    names = in_order(
        name
        for d in directions
        for name in (d.query, d.target, *(d.pool if isinstance(d.pool, tuple) else ()))
    )
    return replace(objective, modalities=names, directions=directions)


def _pool_of_targets(direction: Direction) -> Pool | tuple[str, ...] | None:
    pool = direction.pool
    return tuple(map(target_name, pool)) if isinstance(pool, tuple) else pool


def of_both_sides(x: Array, objective: Objective, *, bias: bool, xp: ArrayNamespace) -> Array:
    """The numbers of an objective's modalities as those of its `two_sided` one.

    A target has the temperature and the bias of what it is: a picture has that of pictures.

    Args:
        x: a log_scale, shape (), (T,), (M, M) or (G,) as `objective.scales` says, or a bias, () or
            (M, M).
        objective: the objective of M modalities, of which G are given.
        bias: whether `x` is a bias.
        xp: the Array API namespace of `x`.

    Returns:
        Shape (), (T,), (M', M') or (G',): the same of the M' modalities, of which G' are given, of
        `two_sided(objective)`.
    """
    if len(x.shape) == 0 or (not bias and objective.scales == "direction"):
        return x
    names, sides = objective.modalities, two_sided(objective).modalities
    if not bias and objective.scales == "modality":
        names, sides = given_names(names), given_names(sides)
    index = {target_name(name): i for i, name in enumerate(names)}
    index |= {name: i for i, name in enumerate(names)}
    at = [index[name] for name in sides]
    if len(x.shape) == 1:
        return xp.stack([x[i] for i in at])
    return xp.stack([xp.stack([x[i, k] for k in at]) for i in at])


def taken_apart(rows: Mapping[str, Array]) -> dict[str, Array]:
    """The rows of queries by modality, and those of targets by `target_name`.

    Args:
        rows: arrays of 2B rows by modality, (2B, ...), in which a target follows its query.

    Returns:
        Arrays of B rows, (B, ...).

    >>> import numpy as np
    >>> {name: x.tolist() for name, x in taken_apart({"text": np.arange(4)}).items()}
    {'text': [0, 2], 'target_text': [1, 3]}
    """
    queries = {name: x[0::2, ...] for name, x in rows.items()}
    return queries | {target_name(name): x[1::2, ...] for name, x in rows.items()}
