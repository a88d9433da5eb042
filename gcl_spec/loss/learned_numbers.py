"""The temperatures and biases of a run by name, for its log."""

from gcl_spec._typing import Array, ArrayNamespace
from gcl_spec.loss.terms import direction_names
from gcl_spec.objective import Objective, given_names

__all__ = ["learned_numbers"]


def learned_numbers(
    log_scale: Array, bias: Array | None, objective: Objective, *, xp: ArrayNamespace
) -> dict[str, Array]:
    """The numbers of a loss, shape () each, by the name that they have in a log.

    "scale" is the scale 1 / temperature. Where there are several it is their mean, and each has a
    line of its own: "scale/image->text" of a direction or of a pair of query and pool modality, or
    "scale/image" of a modality, as `Objective.scales` says. A bias is "bias", or for a pair
    "bias/image->text". Pairs that no direction's pool has are left out.

    Args:
        log_scale: shape (), (T,), (M, M) or (G,), as `objective.scales` says.
        bias: shape () or (M, M), or None.
        objective: of M modalities and T directions.
        xp: the Array API namespace of the arrays.
    """
    scales = xp.exp(log_scale)
    numbers = {"scale": scales}
    if scales.shape:
        of = _pairs if objective.scales == "pair" else _each
        own = of(scales, objective)
        named = {f"scale/{name}": x for name, x in own.items()}
        numbers = {"scale": xp.mean(xp.stack([*own.values()])), **named}
    if bias is None:
        return numbers
    if not bias.shape:
        return {**numbers, "bias": bias}
    return {**numbers, **{f"bias/{name}": x for name, x in _pairs(bias, objective).items()}}


def _each(x: Array, objective: Objective) -> dict[str, Array]:
    """The numbers, (T,) or (G,), by the name of their direction or modality."""
    if objective.scales == "modality":
        names = given_names(objective.modalities)
    else:
        names = direction_names(objective)
    return {name: x[at] for at, name in enumerate(names)}


def _pairs(x: Array, objective: Objective) -> dict[str, Array]:
    """The numbers, (M, M), by name of each pair of query and pool modality of some direction."""
    names = objective.modalities
    used = {(d.query, n) for d in objective.directions for n in objective.pool_names(d)}
    return {
        f"{a}->{b}": x[m, n]
        for m, a in enumerate(names)
        for n, b in enumerate(names)
        if (a, b) in used
    }
