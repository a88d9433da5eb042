"""The catalogue of known bugs: the checks must notice every one, or they prove nothing.

    broken = Mutant(registry.load("torch"), BUGS["gradient halved"])

`gcl verify-backends --self-test` runs them all. Many have a perfect loss value, or show only for
one number of modalities, one dtype, one mask: those are the bugs that tests of published losses
let through.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from types import MappingProxyType
from typing import Any

import numpy as np

from gcl_spec.backend import LossAndGrads
from gcl_spec.conformance.bugs.dense import Call
from gcl_spec.conformance.bugs.injected import asked, cast, changed, only, rule, step, times
from gcl_spec.conformance.bugs.mutant import Bug, Compute, Mutant
from gcl_spec.conformance.bugs.wrong_family import WRONG_FAMILY
from gcl_spec.conformance.bugs.wrong_fusions import WRONG_FUSIONS
from gcl_spec.conformance.bugs.wrong_steps import WRONG_STEPS
from gcl_spec.conformance.tolerances import rounded
from gcl_spec.objective import Direction, Objective, Pool

__all__ = ["BUGS", "Bug", "Compute", "Mutant"]


_loss, _grads, _dlog_scale = (partial(changed, name) for name in LossAndGrads._fields[:3])


def _tangential(call: Call, g: Any) -> Any:
    """The gradient is as if the loss normalised its rows."""
    z = call.rows
    square = np.maximum((z * z).sum(-1, keepdims=True), 1e-30)
    return g - (g * z).sum(-1, keepdims=True) * z / square


def _leak(call: Call, g: Any) -> Any:
    return g + 1e-9 * ~call.rows_here[..., None]


def _overwrites(name: str) -> Bug:
    """A bug that sets an input to 0."""

    def bug(call: Call, compute: Compute) -> LossAndGrads:
        right = compute(call)
        if getattr(call, name) is not None:
            getattr(call, name)[...] = 0
        return right

    return bug


def _lenient(call: Call, compute: Compute) -> LossAndGrads:
    """Input that must be refused gives 0."""
    try:
        return compute(call)
    except ValueError:
        return LossAndGrads(*map(np.zeros_like, (call.log_scale, call.z_MBD, call.log_scale)))


@dataclass
class _AddsUp:
    """The gradient is added to the last one of the same batch, as in a buffer that is kept."""

    last: tuple[Any, ...] = ()

    def __call__(self, call: Call, compute: Compute) -> LossAndGrads:
        right, same = compute(call), self.last == call.key
        self.last = call.key
        return right._replace(grads=right.grads * (1 + same))


@dataclass
class _Stale:
    """Every call of a shape gives the first result for that shape."""

    first: dict[tuple[int, ...], LossAndGrads]

    def __call__(self, call: Call, compute: Compute) -> LossAndGrads:
        first = self.first.setdefault(call.z_MBD.shape, compute(call))
        dtype = call.z_MBD.dtype
        return LossAndGrads(*(None if x is None else x.astype(dtype) for x in first))


def _swapped(call: Call) -> Call:
    terms = call.objective.directions
    return call.rule(directions=tuple(replace(d, query=d.target, target=d.query) for d in terms))


def _unweighted(call: Call) -> Call:
    return call.rule(directions=tuple(replace(d, weight=1.0) for d in call.objective.directions))


def _pools(change: Callable[[Objective, Direction], Pool | tuple[str, ...] | None]) -> Bug:
    """A bug that gives each direction the pool that `change` says."""

    def other(call: Call) -> Call:
        rule = call.objective
        return call.rule(
            directions=tuple(replace(d, pool=change(rule, d)) for d in rule.directions)
        )

    return asked(other)


def _pool_of_the_query(pool: Pool) -> Bug:
    return _pools(lambda rule, d: pool if rule.pool_of(d) == "query" else d.pool)


def _last_lost(call: Call) -> Call:
    return call.rule(directions=call.objective.directions[:-1] or call.objective.directions)


def _first_modality_lost(call: Call, g: Any) -> Any:
    return g * (np.arange(len(g)) > 0)[:, None, None]


def _last_sample_lost(call: Call, g: Any) -> Any:
    return g * (np.arange(g.shape[1]) < g.shape[1] - 1)[:, None]


def _clipped(call: Call, g: Any) -> Any:
    return g / max(1.0, float(np.linalg.norm(g)))


def _unit(call: Call) -> bool:
    return bool(np.allclose(np.linalg.norm(call.rows[call.rows_here], axis=1), 1, atol=1e-5))


def _equal_rows(call: Call) -> bool:
    rows = call.rows[call.rows_here]
    return len(np.unique(rows, axis=0)) < len(rows)


_DEFINITION: Mapping[str, Bug] = {
    "self term kept": rule(self_term="keep"),
    "self term masked": rule(self_term="mask"),
    "pool of the target only": rule(pool="target"),
    "pool of all": rule(pool="all"),
    "same sample dropped": rule(same_sample="drop"),
    "same sample kept": rule(same_sample="keep"),
    "duplicates dropped": rule(duplicates="drop"),
    "duplicates are positives": rule(duplicates="positive"),
    "balance by pair": rule(balance="pair"),
    "balance by direction": rule(balance="direction"),
    "weights ignored": asked(_unweighted),
    "reduction ignored": rule(reduction="mean"),
    "always a sum": rule(reduction="sum"),
    "pools of directions ignored": _pools(lambda rule, d: None),
    "pool of the query is the target's": _pool_of_the_query("target"),
    "pool of the query is all": _pool_of_the_query("all"),
    "directions swapped": asked(_swapped),
    "last direction lost": asked(_last_lost),
    "ids ignored": asked(lambda c: c.but(ids=None)),
    "ids cut to 32 bits": asked(lambda c: c.but(ids=c.labels.astype(np.int32).astype(np.int64))),
    "presence ignored": asked(lambda c: c.but(present=None, z_MBD=np.nan_to_num(c.z_MBD, nan=1.0))),
    "rows normalised first": asked(
        lambda c: c.but(z_MBD=c.z_MBD / np.linalg.norm(c.z_MBD, axis=-1, keepdims=True))
    ),
    "rows rounded to bfloat16": asked(
        lambda c: c.but(z_MBD=rounded(c.z_MBD, "bfloat16").astype(c.z_MBD.dtype))
    ),
    "weights of the fusion ignored": asked(lambda c: c.but(weights=None)),
    "weights of the fusion swapped": asked(
        lambda c: c if c.weights is None else c.but(weights=c.weights[:, ::-1])
    ),
    "temperature for scale": asked(lambda c: c.but(log_scale=-c.log_scale)),
    "one scale for ever": _Stale({}),
}

_FACTORS: Mapping[str, Bug] = {
    "sum instead of mean": times(lambda c: c.z_MBD.shape[1]),
    "loss doubled": _loss(lambda c, x: 2 * x),
    "loss in bits": times(lambda c: 1 / float(np.log(2))),
    "loss rounded to float16": _loss(lambda c, x: x.astype(np.float16)),
    "gradient doubled": _grads(lambda c, g: 2 * g),
    "gradient halved": _grads(lambda c, g: g / 2),
    "gradient W times, W = 4": _grads(lambda c, g: g * 4),
    "gradient 1/W, W = 4": _grads(lambda c, g: g / 4),
    "gradient of the ascent": _grads(lambda c, g: -g),
    "gradient without the scale": _grads(lambda c, g: g / np.exp(c.log_scale).max()),
    "gradient rounded to float16": _grads(lambda c, g: g.astype(np.float16)),
    "gradient clipped to norm 1": _grads(_clipped),
    "gradient of normalised rows": _grads(_tangential),
    "gradient of one modality lost": _grads(_first_modality_lost),
    "gradient of the last sample lost": _grads(_last_sample_lost),
    "gradient of the next sample": _grads(lambda c, g: np.roll(g, 1, axis=1)),
    "gradient of the next modality": _grads(lambda c, g: np.roll(g, 1, axis=0)),
    "gradient equal to the rows": _grads(lambda c, g: c.rows),
    "d scale instead of d log_scale": _dlog_scale(lambda c, x: x / np.exp(c.log_scale)),
    "dlog_scale negated": _dlog_scale(lambda c, x: -x),
    "dlog_scale zero": _dlog_scale(lambda c, x: 0 * x),
    "dlog_scale zero from scale 90": _dlog_scale(lambda c, x: x * (c.log_scale < 4.5)),
    "dlog_scale W times, W = 4": _dlog_scale(lambda c, x: x * 4),
}

_ONLY: Mapping[str, Bug] = {
    "wrong for log_scale = 0 only": only(lambda c: np.all(c.log_scale == 0)),
    "wrong for negative log_scale only": only(lambda c: np.all(c.log_scale < 0)),
    "wrong from scale 90 only": only(lambda c: np.all(c.log_scale > 4.5)),
    "wrong for M = 2 only": only(lambda c: len(c.here) == 2),
    "wrong for M = 3 only": only(lambda c: len(c.here) == 3),
    "wrong for M = 4 only": only(lambda c: len(c.here) == 4),
    "wrong for B = 1 only": only(lambda c: c.z_MBD.shape[1] == 1),
    "wrong for odd B above 1 only": only(lambda c: c.z_MBD.shape[1] % 2 and c.z_MBD.shape[1] > 1),
    "wrong for B above 64 only": only(lambda c: c.z_MBD.shape[1] > 64),
    "wrong for D = 1 only": only(lambda c: c.z_MBD.shape[2] == 1),
    "wrong for D above 16 only": only(lambda c: c.z_MBD.shape[2] > 16),
    "wrong for unit rows only": only(_unit),
    "wrong for rows of norm 10 only": only(lambda c: np.nanmax(c.rows**2) > 20),
    "wrong for rows not unit only": only(lambda c: not _unit(c)),
    "wrong for equal rows only": only(_equal_rows),
    "wrong for equal ids only": only(lambda c: len(set(c.labels.tolist())) < len(c.labels)),
    "wrong for missing rows only": only(lambda c: not c.here.all()),
    "wrong for NaN in missing rows only": only(lambda c: np.isnan(c.z_MBD).any()),
    "wrong for missing rows and equal ids only": only(
        lambda c: not c.here.all() and len(set(c.labels.tolist())) < len(c.labels)
    ),
    "wrong without masks only": only(lambda c: c.present is None and c.ids is None),
    "wrong for negative ids only": only(lambda c: np.any(c.labels < 0)),
    "wrong with tiles only": only(lambda c: c.tile is not None),
    "wrong with tiles of 1 only": only(lambda c: c.tile == 1),
    "wrong with a tile of all rows only": only(lambda c: c.tile and c.tile >= c.here.size),
    "wrong with tiles and missing rows only": only(lambda c: c.tile and not c.here.all()),
    "wrong with tiles and without a fusion only": only(lambda c: c.tile and not c.fused.parts),
    "wrong for a fusion and missing rows only": only(lambda c: c.fused.parts and not c.here.all()),
    "wrong where fused rows are not given only": only(lambda c: c.fused.parts),
    "wrong for weighted fusion only": only(lambda c: c.weights is not None),
    "wrong in float32 only": only(lambda c: c.z_MBD.dtype == np.float32),
    "wrong in float64 only": only(lambda c: c.z_MBD.dtype == np.float64),
}

_CONTRACT: Mapping[str, Bug] = {
    "missing rows get a gradient": _grads(_leak),
    "NaN in the gradient": _grads(lambda c, g: g * np.nan),
    "gradient of a wrong shape": _grads(lambda c, g: g[0]),
    "loss not reduced": _loss(lambda c, x: np.full(c.z_MBD.shape[1], x)),
    "dlog_scale of shape (1,)": _dlog_scale(lambda c, x: x[None]),
    "rows overwritten": _overwrites("z_MBD"),
    "log_scale overwritten": _overwrites("log_scale"),
    "presence overwritten": _overwrites("present"),
    "ids overwritten": _overwrites("ids"),
    "weights of the fusion overwritten": _overwrites("weights"),
    "loss in float16": cast("loss", "float16"),
    "gradient in float16": cast("grads", "float16"),
    "loss in float64": cast("loss", "float64"),
    "gradient in float64": cast("grads", "float64"),
    "dlog_scale in float64": cast("dlog_scale", "float64"),
    "gradient added to the last one": _AddsUp(),
    "degenerate input gives 0": _lenient,
}

_HALF: tuple[str, ...] = ("grads",)

BUGS: Mapping[str, Bug] = MappingProxyType(
    {
        **_DEFINITION,
        **_FACTORS,
        **_ONLY,
        **_CONTRACT,
        **WRONG_FAMILY,
        **{name: step(wrong) for name, wrong in (WRONG_STEPS | WRONG_FUSIONS).items()},
        "gradient with bfloat16 logits, loss exact": step(
            WRONG_STEPS["logits rounded to bfloat16"], _HALF
        ),
        "gradient with a transposed pool, loss exact": step(WRONG_STEPS["transposed pool"], _HALF),
        "gradient where missing rows compete, loss exact": step(
            WRONG_STEPS["missing rows compete"], _HALF
        ),
    }
)
"""All known bugs by name. Wrap one with `Mutant(backend, BUGS[name])`."""
