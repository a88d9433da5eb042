"""The equation: the loss of a batch, on arrays of any framework.

Start reading at `equation`, which is called; `plan` turns an objective into softmaxes, `plain`
computes them as whole matrices, and `tiled` a tile at a time.
"""

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
