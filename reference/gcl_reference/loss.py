"""The objective as the paper's sums, in loops over float64 numbers, and its closed-form gradient.

It is written from the definition in `gcl_spec.objective` alone (arXiv 2509.25638, equations 1 and
2), and slow on purpose. `loss` also takes complex rows, so that complex-step differentiation
(Squire and Trapp, 1998) can check `gradients`.
"""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from gcl_reference.logits import Logits
from gcl_reference.samples import Row, Samples
from gcl_reference.terms import Candidates, Term, sigmoid_term, softmax_term

__all__ = ["Gradients", "Samples", "gradients", "loss"]


class Gradients(NamedTuple):
    """The loss, and its derivatives by every embedding, by log_scale and by bias.

    grads: (M, B, D). dlog_scale, dbias: of the shapes of what they are by; dbias is () without one.
    """

    loss: float
    grads: npt.NDArray[np.float64]
    dlog_scale: npt.NDArray[np.float64]
    dbias: npt.NDArray[np.float64]


def loss(samples: Samples, log_scale: Any, bias: Any = None) -> Any:
    """The weighted mean of the terms; for GCL -log(exp(s_positive) / sum of exp(s) over the pool).

    These are the terms of arXiv 2509.25638, equation 2, where the objective is GCL.

    Args:
        samples: the rows, and the objective.
        log_scale: ln(1 / temperature), as `gcl_spec.objective.Objective.scales` says.
        bias: what logits are shifted by, shape () or (M, M), or None.
    """
    logits = Logits(samples.objective, log_scale, bias)
    total: Any = 0.0
    for coefficient, query, t in samples.terms():
        total += coefficient * _term(samples, logits, query, t)[0].value
    return total


def gradients(samples: Samples, log_scale: Any, bias: Any = None) -> Gradients:
    """The loss and its gradients in closed form.

    For GCL d term / d s(row) = softmax(row) - [row positive] / count, the derivative of a
    log-sum-exp less the mean of the positives' logits s (SupCon, arXiv 2004.11362, equation 2);
    `gcl_reference.terms` has it for the whole family.

    Args:
        samples: the rows, and the objective.
        log_scale: ln(1 / temperature), as `gcl_spec.objective.Objective.scales` says.
        bias: what logits are shifted by, shape () or (M, M), or None.
    """
    logits = Logits(samples.objective, log_scale, bias)
    grads, total = np.zeros(samples.z.shape), 0.0
    for coefficient, query, t in samples.terms():
        term, given = _term(samples, logits, query, t)
        total += coefficient * float(term.value)
        d_dots = np.zeros(samples.present.shape)
        for row, d_logit in term.by_logit.items():
            cosine = given.cosines[row]
            by_cosine = logits.pull_back(t, query[0], row[0], cosine, coefficient * d_logit)
            by_cosine += coefficient * term.by_cosine.get(row, 0.0)
            d_dots[row] = by_cosine * samples.factor(query, row)
        grads[query] += (d_dots[:, :, None] * samples.z).sum((0, 1))
        grads += d_dots[:, :, None] * samples.z[query]
    return Gradients(total, grads, logits.dlog_scale, logits.dbias)


def _term(samples: Samples, logits: Logits, query: Row, t: int) -> tuple[Term, Candidates]:
    """One term, and the candidates of its query."""
    rule, direction = samples.objective, samples.objective.directions[t]
    together = samples.together(direction)
    pool = samples.pool(query, direction)
    cosines = {row: samples.cosine(query, row) for row in pool}
    given = Candidates(
        logits={row: logits.logit(t, query[0], row[0], x) for row, x in cosines.items()},
        cosines=cosines,
        own=frozenset(row for row in pool if samples.ids[row[1]] == samples.ids[query[1]]),
        positives=tuple(samples.positives(query, direction)),
        every=tuple(row for d in together for row in samples.positives(query, d)),
        directions=sum(samples.valid(d, query[1]) for d in together),
    )
    return (softmax_term(given, rule) if rule.loss == "softmax" else sigmoid_term(given)), given
