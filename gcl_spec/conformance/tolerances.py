"""How far a backend may be from the reference: one derived bound, no tuned constants.

With unit roundoff u, width D, n candidates, scale s and largest norm R, let S = s R^2 bound a
logit. All to first order in u (Higham, *Accuracy and Stability of Numerical Algorithms*, ch. 3):

logit           |dx|  <= e = (D + 4) u S           a dot product of D terms, the scale, one product
log-sum-exp     |dl|  <= e + (2 S + n + 6) u       the shifted argument, exp, a sum of n terms, log
loss            2 e + (4 S + 2 ln n + n + 6) u + (T B + 4) u |L|       log-sum-exp less logit, mean
share p         relative error  r = 2 (e + (2 S + n + 6) u)
gradient        Frobenius norm  4 s R (r + (n + 8) u): the shares and positives of all terms sum
                to 2 as queries and to 2 as candidates, each times s and a row of norm <= R
d log_scale     2 S (r + (n + 8) u) + 2 e

The inputs are rounded before both sides see them, so they do not count.
"""

from dataclasses import dataclass

import numpy as np

from gcl_spec.conformance.cases import Case

__all__ = ["Bounds", "bounds", "unit_roundoff"]


@dataclass(frozen=True, slots=True)
class Bounds:
    """Largest allowed absolute error; `grads` is a Frobenius norm."""

    loss: float
    grads: float
    dlog_scale: float


def unit_roundoff(dtype: str) -> float:
    """Half the distance from 1 to the next number: 6e-8 for float32, 1.1e-16 for float64."""
    return float(np.finfo(dtype).eps) / 2


def bounds(case: Case, dtype: str, loss: float) -> Bounds:
    """The bounds of this module's docstring for one case whose loss is `loss`."""
    u = unit_roundoff(dtype)
    modalities, batch, width = case.z_MBD.shape
    candidates = modalities * batch
    norms = np.linalg.norm(case.z_MBD, axis=-1)
    largest = float(norms.max() if case.present is None else norms[case.present].max())
    scale = float(np.exp(case.log_scale))
    logit = scale * largest**2
    e = (width + 4) * u * logit
    log_sum = e + (2 * logit + candidates + 6) * u
    share = 2 * log_sum + (candidates + 8) * u
    terms = len(case.objective.directions) * batch
    return Bounds(
        loss=2 * e
        + (4 * logit + 2 * float(np.log(candidates)) + candidates + 6) * u
        + (terms + 4) * u * abs(loss),
        grads=4 * scale * largest * share,
        dlog_scale=2 * logit * share + 2 * e,
    )
