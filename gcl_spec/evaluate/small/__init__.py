"""How well a model searches when its rows are stored in fewer bytes.

Start reading at `curve`; `forms` has what rows can be stored as.
"""

from gcl_spec.evaluate.small.curve import Curve, Measured, curve
from gcl_spec.evaluate.small.forms import FORMS, QUANTISED, Form

__all__ = ["FORMS", "QUANTISED", "Curve", "Form", "Measured", "curve"]
