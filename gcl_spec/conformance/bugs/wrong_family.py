"""Known bugs in the terms of the family of objectives: right for equation 2, wrong beyond it.

Each is the right function on another question, or the value of one question with the gradients of
another: a gradient that is wrong while the loss is perfect is what a value's test lets through.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any

import numpy as np

from gcl_spec.backend import LossAndGrads
from gcl_spec.conformance.bugs.dense import Call
from gcl_spec.conformance.bugs.injected import asked
from gcl_spec.conformance.bugs.mutant import Bug, Compute

__all__ = ["WRONG_FAMILY"]

Change = Callable[[Call], Call]


def _rule(**settings: Any) -> Change:
    """The call with some settings of its objective changed."""
    return lambda call: call.rule(**settings)


def _where(when: Callable[[Call], Any], change: Change) -> Change:
    """A change of those calls alone for which `when` holds."""
    return lambda call: change(call) if when(call) else call


def _gradient_of(change: Change) -> Bug:
    """The right loss with the gradients of another question."""

    def bug(call: Call, compute: Compute) -> LossAndGrads:
        right, other = compute(call), asked(change)(call, compute)
        return _as_in(right, other._replace(loss=right.loss))

    return bug


def _value_of(change: Change) -> Bug:
    """Right gradients with the loss of another question."""

    def bug(call: Call, compute: Compute) -> LossAndGrads:
        return compute(call)._replace(loss=asked(change)(call, compute).loss)

    return bug


def _as_in(right: LossAndGrads, other: LossAndGrads) -> LossAndGrads:
    """Other results in the shapes of the right ones; what has another shape stays right."""
    pairs = zip(right, other, strict=True)
    return LossAndGrads(
        *(y if y is not None and np.shape(x) == np.shape(y) else x for x, y in pairs)
    )


def _changed(quantity: str, change: Callable[[Call, Any], Any]) -> Bug:
    """A result, where it is there, changed in the dtype of the right one."""

    def bug(call: Call, compute: Compute) -> LossAndGrads:
        right = compute(call)
        value = getattr(right, quantity)
        if value is None:
            return right
        return right._replace(**{quantity: np.asarray(change(call, value), value.dtype)})

    return bug


def _has_lambda(call: Call) -> bool:
    return call.objective.positives != "each"


def _is_hard(call: Call) -> bool:
    return call.objective.hardness > 0


def _other_weights(call: Call) -> str:
    return "detached" if call.objective.hardness_weights == "attached" else "attached"


def _is_debiased(call: Call) -> bool:
    return call.objective.debias > 0


def _is_sigmoid(call: Call) -> bool:
    return call.objective.loss == "sigmoid"


def _square(x: Any) -> bool:
    return x is not None and np.ndim(x) == 2


def _other_lambda(call: Call) -> Call:
    return call.rule(positives=1.0 - float(call.objective.positives))


def _scales(change: Callable[[Any], Any]) -> Change:
    """A change of the scales, where each pair of modalities has its own."""
    return _where(lambda c: _square(c.log_scale), lambda c: c.but(log_scale=change(c.log_scale)))


def _biases(change: Callable[[Any], Any]) -> Change:
    return _where(lambda c: c.bias is not None, lambda c: c.but(bias=change(c.bias)))


def _transposed(x: Any) -> Any:
    return np.ascontiguousarray(x.T)


def _of_query(x: Any) -> Any:
    """Each pair's number is that of the query with itself."""
    return np.repeat(np.diagonal(x)[:, None], len(x), axis=1) if np.ndim(x) == 2 else x


def _of_modalities(change: Callable[[Any], Any]) -> Change:
    """A change of the temperatures, where each given modality has its own."""

    def wrong(call: Call) -> Call:
        return call.but(log_scale=change(call.log_scale).astype(call.log_scale.dtype))

    return _where(lambda c: c.objective.scales == "modality" and np.ndim(c.log_scale) == 1, wrong)


def _each_negative_for_every_direction(call: Call, compute: Compute) -> LossAndGrads:
    """A sigmoid whose negatives count once for each direction, not once for all that share them."""
    if not _is_sigmoid(call):
        return compute(call)
    pools = tuple(replace(d, pool=call.objective.pool_of(d)) for d in call.objective.directions)
    total: Any = None
    for direction in pools:
        one = compute(call.rule(directions=(direction,), scales="pair"))
        share = direction.weight / sum(d.weight for d in pools)
        parts = [None if x is None else x * share for x in one]
        total = (
            parts
            if total is None
            else [None if x is None else x + y for x, y in zip(total, parts, strict=True)]
        )
    right = compute(call)
    return _as_in(
        right,
        LossAndGrads(*(None if x is None else np.asarray(x, right.loss.dtype) for x in total)),
    )


def _debiased(factor: float) -> Change:
    return lambda call: call.rule(debias=min(0.99, factor * call.objective.debias))


def _without_size(call: Call, compute: Compute) -> LossAndGrads:
    """The loss lacks lambda log |P|, a constant; so its gradients are right."""
    right = compute(call)
    if not _has_lambda(call):
        return right
    whole, less = (compute(call.rule(positives=x)).loss for x in ("each", 1.0))
    more = np.asarray(float(call.objective.positives) * (whole - less), right.loss.dtype)
    return right._replace(loss=np.asarray(right.loss + more, right.loss.dtype))


_LAMBDA = {
    "lambda for 1 - lambda": asked(_where(_has_lambda, _other_lambda)),
    "lambda squared": asked(
        _where(_has_lambda, lambda c: c.rule(positives=float(c.objective.positives) ** 2))
    ),
    "lambda ignored": asked(_where(_has_lambda, _rule(positives=1.0))),
    "log |P| left out": _without_size,
    "gradient of equation 2 for any lambda": _gradient_of(
        _where(_has_lambda, _rule(positives="each"))
    ),
    "value of the joint form for any lambda": _value_of(_where(_has_lambda, _rule(positives=0.0))),
}

_TEMPERATURES = {
    "scales of pairs transposed": asked(_scales(_transposed)),
    "scale of the query alone": asked(_scales(_of_query)),
    "gradient as if all pairs had one scale": _gradient_of(_scales(lambda x: x * 0 + x.mean())),
    "dlog_scale of the transposed pair": _changed(
        "dlog_scale", lambda c, x: _transposed(x) if _square(x) else x
    ),
    "scales of modalities swapped": asked(_of_modalities(lambda x: x[::-1])),
    "mean of log scales for mean of temperatures": asked(
        _of_modalities(lambda x: x * 0 + x.mean())
    ),
    "dlog_scale of the other modality": _changed(
        "dlog_scale", lambda c, x: x[::-1] if c.objective.scales == "modality" and np.ndim(x) else x
    ),
    "dlog_scale of each direction is that of all": _changed(
        "dlog_scale", lambda c, x: x * 0 + x.sum() if np.ndim(x) == 1 else x
    ),
}

_BIASES = {
    "bias ignored": asked(_biases(lambda x: 0 * x)),
    "bias negated": asked(_biases(lambda x: -x)),
    "bias transposed": asked(_biases(_transposed)),
    "bias in logits for bias in cosines": asked(
        _where(lambda c: c.bias is not None, _rule(bias_unit="logit"))
    ),
    "gradient without the bias": _gradient_of(_biases(lambda x: 0 * x)),
    "dbias transposed": _changed("dbias", lambda c, x: _transposed(x)),
    "dbias zero": _changed("dbias", lambda c, x: 0 * x),
    "dbias negated": _changed("dbias", lambda c, x: -x),
}

_HARDNESS = {
    "hardness ignored": asked(_where(_is_hard, _rule(hardness=0.0, hardness_weights="attached"))),
    "hardness one too large": asked(
        _where(_is_hard, lambda c: c.rule(hardness=1.0 + c.objective.hardness))
    ),
    "hardness twice": asked(_where(_is_hard, lambda c: c.rule(hardness=2 * c.objective.hardness))),
    "weights without their mean": asked(_where(_is_hard, _rule(hardness_weights="detached"))),
    "weights over their mean": asked(_where(_is_hard, _rule(hardness_weights="attached"))),
    "gradient of other hardness weights": _gradient_of(
        _where(_is_hard, lambda c: c.rule(hardness_weights=_other_weights(c)))
    ),
    "gradient without hardness": _gradient_of(
        _where(_is_hard, _rule(hardness=0.0, hardness_weights="attached"))
    ),
}


_DEBIAS = {
    "debiasing ignored": asked(_where(_is_debiased, _rule(debias=0.0))),
    "debiased by half": asked(_where(_is_debiased, _debiased(0.5))),
    "debiased twice": asked(_where(_is_debiased, _debiased(2.0))),
    "gradient without debiasing": _gradient_of(_where(_is_debiased, _rule(debias=0.0))),
}

_SIGMOID = {
    "softmax for sigmoid": asked(_where(_is_sigmoid, _rule(loss="softmax"))),
    "negatives of each direction": _each_negative_for_every_direction,
    "gradient of a softmax for a sigmoid": _gradient_of(_where(_is_sigmoid, _rule(loss="softmax"))),
    "sigmoid on targets alone": asked(
        _where(
            _is_sigmoid,
            lambda c: c.rule(
                directions=tuple(replace(d, pool="target") for d in c.objective.directions)
            ),
        )
    ),
}

WRONG_FAMILY: Mapping[str, Bug] = MappingProxyType(
    {**_LAMBDA, **_TEMPERATURES, **_BIASES, **_HARDNESS, **_DEBIAS, **_SIGMOID}
)
"""The known bugs by name."""
