"""Calibrations: the rival that needs no training, since only the rows of a model change.

Start reading at `calibration`; `centre`, `align`, `biases` and `own_biases` have them, `known`
their names.
"""

from gcl_spec.evaluate.calibrations.calibration import Calibration
from gcl_spec.evaluate.calibrations.known import (
    BIAS,
    CALIBRATIONS,
    FITTED,
    apply_to_columns,
    apply_to_items,
    fit,
)
from gcl_spec.evaluate.calibrations.rows import Rows, same_roles, with_roles
from gcl_spec.evaluate.calibrations.store import read, write

__all__ = [
    "BIAS",
    "CALIBRATIONS",
    "FITTED",
    "Calibration",
    "Rows",
    "apply_to_columns",
    "apply_to_items",
    "fit",
    "read",
    "same_roles",
    "with_roles",
    "write",
]
