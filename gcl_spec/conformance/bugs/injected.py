"""Ways to make a right result wrong; all of them but `cast` keep its dtype."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from gcl_spec.backend import LossAndGrads
from gcl_spec.conformance.bugs.dense import Call, Dense
from gcl_spec.conformance.bugs.mutant import Bug, Compute
from gcl_spec.errors import ConfigError

__all__ = ["asked", "cast", "changed", "only", "rule", "step", "times"]


def asked(change: Callable[[Call], Call]) -> Bug:
    """A bug that gives the right answer to another question, where that is one."""

    def bug(call: Call, compute: Compute) -> LossAndGrads:
        try:
            other = change(call)
        except ConfigError:  # the change does not go with the call's other settings
            other = call
        return compute(other)

    return bug


def rule(**options: Any) -> Bug:
    """A bug that gives the right answer with other options of the objective."""
    return asked(lambda call: call.rule(**options))


def changed(quantity: str, change: Callable[[Call, Any], Any]) -> Bug:
    """A bug that changes one of the results, in the dtype of the right one."""

    def bug(call: Call, compute: Compute) -> LossAndGrads:
        right = compute(call)
        value = getattr(right, quantity)
        return right._replace(**{quantity: np.asarray(change(call, value), value.dtype)})

    return bug


def cast(quantity: str, dtype: str) -> Bug:
    """A bug that gives one result in another dtype."""

    def bug(call: Call, compute: Compute) -> LossAndGrads:
        right = compute(call)
        return right._replace(**{quantity: getattr(right, quantity).astype(dtype)})

    return bug


def only(when: Callable[[Call], Any]) -> Bug:
    """A bug that makes the gradient 1 % too large, only `when` it says; the loss is perfect."""
    return changed("grads", lambda call, g: g * 1.01 if when(call) else g)


def step(wrong: Dense, quantities: Sequence[str] = LossAndGrads._fields[:3]) -> Bug:
    """A bug that adds to the right result what a wrong step changes in the same dtype.

    It is wrong in equation 2 alone, which `Dense` knows, and right in the rest of the family.
    """
    dense = Dense()

    def bug(call: Call, compute: Compute) -> LossAndGrads:
        if not call.is_plain:
            return compute(call)
        right, good, bad = compute(call), dense(call), wrong(call)
        shift = {q: getattr(bad, q) - getattr(good, q) for q in quantities}
        return _sum(right, shift)

    return bug


def _sum(right: LossAndGrads, shift: Mapping[str, Any]) -> LossAndGrads:
    parts = {q: (getattr(right, q), x) for q, x in shift.items()}
    return right._replace(**{q: np.asarray(a + b, a.dtype) for q, (a, b) in parts.items()})


def times(factor: Callable[[Call], float]) -> Bug:
    """A bug that multiplies all results by a factor."""

    def bug(call: Call, compute: Compute) -> LossAndGrads:
        products = (
            None if x is None else np.asarray(x * factor(call), x.dtype) for x in compute(call)
        )
        return LossAndGrads(*products)

    return bug
