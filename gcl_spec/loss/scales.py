"""One temperature for all directions, or one for each."""

import math
from collections.abc import Iterator
from dataclasses import replace
from numbers import Real
from typing import Any

from gcl_spec._typing import Array, ArrayNamespace
from gcl_spec.loss.plan import Softmax, make_plan
from gcl_spec.objective import Objective

__all__ = ["plans_by_scale"]


def plans_by_scale(
    log_scale: Any, objective: Objective, like: Array, xp: ArrayNamespace
) -> Iterator[tuple[Array | float, tuple[Softmax, ...]]]:
    """The softmaxes of each scale: all of one, or with a scale per direction one of each."""
    plan = make_plan(objective)
    if isinstance(log_scale, Real):
        yield math.exp(float(log_scale)), plan
    elif len(log_scale.shape) == 0:
        yield _scale(log_scale, like, xp), plan
    else:
        for softmax in plan:
            for target in softmax.targets:
                alone = (replace(softmax, targets=(target,)),)
                yield _scale(log_scale[target.term], like, xp), alone


def _scale(log_scale: Array, like: Array, xp: ArrayNamespace) -> Array:
    # In the wider of the two dtypes: rounding ln(scale) costs more digits than rounding the scale.
    wide = xp.astype(log_scale, xp.result_type(log_scale, like))
    return xp.astype(xp.exp(wide), like.dtype)
