"""Laws of the family of objectives, each on a case drawn from a seed, without a reference.

They follow from the formulas of `gcl_spec.objective.Objective`, in which each term has a setting
that takes it away. Objectives have few directions, which a compiling backend compiles sooner.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from types import MappingProxyType

import numpy as np

from gcl_spec.backend import Backend
from gcl_spec.conformance.cases.case import Case
from gcl_spec.conformance.one_call import Result, compute, draw_case, near
from gcl_spec.objective import Direction, Objective

__all__ = ["FAMILY_LAWS"]

_WAYS = (Direction("image", "text"), Direction("image", "image+text"))
_PLAIN = Objective(directions=_WAYS)
_PAIRS = replace(_PLAIN, scales="pair")


def _with(case: Case, **settings: object) -> Case:
    """The case with some settings of its objective changed."""
    return replace(case, objective=replace(case.objective, **settings))  # type: ignore[arg-type]


def _lambda_is_linear(backend: Backend, seed: int) -> None:
    """L_lambda = (1 - lambda) L_0 + lambda L_1, and so are its gradients."""
    case, share = draw_case(seed, _PLAIN), 0.3
    none, some, one = (compute(backend, _with(case, positives=x)) for x in (0.0, share, 1.0))
    mixed = Result(*((1 - share) * x + share * y for x, y in zip(none[:3], one[:3], strict=True)))
    near(some, mixed)


def _lambda_one_is_equation_two(backend: Backend, seed: int) -> None:
    """At lambda = 1 the loss is that of equation 2 less the mean of log |P|."""
    case = draw_case(seed, _PLAIN)
    assert case.present is not None
    image, *targets = case.present
    number = np.sum(targets, axis=0)
    terms = [np.log(np.where(number > 0, number, 1))[image & target] for target in targets]
    less = np.concatenate(terms).mean()
    want = compute(backend, case)
    near(compute(backend, _with(case, positives=1.0)), want._replace(loss=want.loss - less))


def _equal_scales(backend: Backend, seed: int) -> None:
    """A temperature of each pair, or modality, that is the same everywhere is one temperature."""
    case = draw_case(seed, _PLAIN)
    want = compute(backend, case)
    for scales, shape in (("pair", (3, 3)), ("modality", (2,))):
        many = _with(replace(case, log_scale=np.full(shape, case.log_scale)), scales=scales)
        answer = compute(backend, many)
        near(answer._replace(dlog_scale=np.asarray(answer.dlog_scale.sum())), want)


def _equal_biases(backend: Backend, seed: int) -> None:
    """A bias that is the same for all pairs changes no softmax; each query's shares sum to one."""
    case = draw_case(seed, _PLAIN)
    equal = replace(case, bias=np.full((3, 3), 0.7))
    answer = compute(backend, equal)
    assert answer.dbias is not None
    near(answer._replace(dbias=None), compute(backend, case)._replace(dbias=None))
    assert np.abs(answer.dbias.sum(axis=1)).max() <= 1e-12
    rng = np.random.default_rng(seed)
    other = compute(backend, replace(case, bias=rng.normal(size=(3, 3)))).dbias
    assert other is not None
    assert np.abs(other.sum(axis=1)).max() <= 1e-12


def _nothing_added(backend: Backend, seed: int) -> None:
    """Hardness and debiasing that are next to nothing change next to nothing."""
    case = draw_case(seed, replace(_PAIRS, same_sample="drop"))
    want = compute(backend, case)
    for change in ({"hardness": 1e-14}, {"debias": 1e-15}):
        near(compute(backend, _with(case, **change)), want)


def _bias_in_cosines(backend: Backend, seed: int) -> None:
    """s (cos - b) is s cos + b' for b' = -s b."""
    rule = replace(_PLAIN, loss="sigmoid", bias_unit="cosine")
    case = replace(draw_case(seed, rule), bias=np.asarray(0.3))
    scale = float(np.exp(case.log_scale))
    same = _with(replace(case, bias=np.asarray(-0.3 * scale)), bias_unit="logit")
    answer, want = compute(backend, case), compute(backend, same)
    assert answer.dbias is not None
    assert want.dbias is not None
    by_scale = want.dlog_scale - 0.3 * scale * want.dbias
    near(answer, want._replace(dlog_scale=by_scale, dbias=-scale * want.dbias))


FAMILY_LAWS: Mapping[str, Callable[[Backend, int], None]] = MappingProxyType(
    {
        "the loss is linear in lambda": _lambda_is_linear,
        "at lambda = 1 it is equation 2 less log |P|": _lambda_one_is_equation_two,
        "equal temperatures are one": _equal_scales,
        "equal biases change nothing, and shares sum to one": _equal_biases,
        "no hardness and no debiasing is equation 2": _nothing_added,
        "a bias in cosines is one in logits": _bias_in_cosines,
    }
)
"""The laws, by what they say."""
