"""The arguments and the results of the loss of stacked embeddings, as every backend has them."""

from typing import NamedTuple, Required, TypedDict

from gcl_spec._typing import Array
from gcl_spec.objective import Objective

__all__ = ["OF_SAMPLES", "LossAndGrads", "LossArguments", "arrays_of"]


class LossArguments(TypedDict, total=False):
    """The named arguments of every `loss_and_grads`; all but the objective may be left out."""

    objective: Required[Objective]
    present: Array | None
    """(M, B) booleans: a row that is not present is in no pool, and its gradient is 0."""
    ids: Array | None
    """(B,) integers: samples with equal ids are not each other's negatives."""
    weights: Array | None
    """(F, 2, B), the factors w_a and w_b of each modality "a+b" that is not given; None: all 1."""
    bias: Array | None
    """What logits are shifted by, shape () or (M, M) by query and pool modality."""
    tile: int | None
    """The samples of a tile, where the backend computes in tiles; it changes no result."""


OF_SAMPLES = frozenset({"present", "ids", "weights"})
"""The arguments whose last axis is that of the samples; every other is the same for all samples."""


def arrays_of(arguments: LossArguments) -> dict[str, Array]:
    """The arguments that are arrays, by name, without those that are not given.

    Args:
        arguments: the named arguments of a loss, whose arrays have the shapes that `LossArguments`
            says.
    """
    given = {name: x for name, x in arguments.items() if name not in ("objective", "tile")}
    return {name: x for name, x in given.items() if x is not None}


class LossAndGrads(NamedTuple):
    """A loss and its gradients, as arrays of the backend."""

    loss: Array
    """Shape ()."""
    grads: Array
    """d loss / d z, of the shape of z."""
    dlog_scale: Array
    """d loss / d log_scale, of the shape of log_scale."""
    dbias: Array | None = None
    """d loss / d bias, of the shape of bias; None where none is given."""
