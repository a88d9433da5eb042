"""The arguments and the results of the loss of stacked embeddings, as every backend has them."""

from typing import NamedTuple, Required, TypedDict

from gcl_spec._typing import Array
from gcl_spec.objective import Objective

__all__ = ["LossAndGrads", "LossArguments"]


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
