"""The equation: the loss of a batch, on arrays of any framework."""

from gcl_spec.loss.equation import (
    LossOptions,
    LossTerms,
    contrastive_loss,
    contrastive_terms,
    gcl_loss,
    mean_term,
)
from gcl_spec.loss.stacked import (
    StackedOptions,
    check_stacked,
    stacked_loss,
    stacked_terms,
    unstacked,
)

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
