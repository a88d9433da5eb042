"""Cases of the family of objectives: shares, temperatures, biases, hardness, debiasing, sigmoids.

`gcl_spec.objective.Objective` has the formulas. Each case has several terms of the family together,
so that there are few, and each term is in one case without the others that hide it.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from gcl_spec._typing import FloatArray
from gcl_spec.conformance.cases.case import Case
from gcl_spec.conformance.cases.groups import draw_rows
from gcl_spec.errors import ConfigError
from gcl_spec.objective import Direction, Objective

__all__ = [
    "draw_family",
    "draw_numbers",
    "family_cases",
    "quick_family_cases",
    "telling_family_cases",
]

_IDS = np.asarray([5, 1, 5, 2, 1, 5, 9, 3])
_WAYS = (Direction("image", "text"), Direction("image", "image+text", 2.0))


def draw_numbers(rng: np.random.Generator, objective: Objective) -> dict[str, Any]:
    """A `log_scale`, of one number or of several, and a `bias`, or none, of an objective."""
    shape = objective.scale_shape if rng.random() < 0.6 else ()
    log_scale: Any = rng.uniform(-1.0, 3.5, size=shape)
    modalities = len(objective.modalities)
    bias: Any = None
    if rng.random() < 0.5:
        bias = 0.5 * rng.normal(size=(modalities, modalities) if rng.random() < 0.7 else ())
    return {
        "log_scale": log_scale if shape else float(log_scale),
        "bias": None if bias is None else np.asarray(bias),
    }


def draw_family(rng: np.random.Generator, objective: Objective) -> Objective:
    """The objective with some settings of the family; as it is where they do not go with it."""
    some: dict[str, Any] = {
        "scales": str(rng.choice(["direction", "pair", "modality"])),
        "bias_unit": str(rng.choice(["logit", "cosine"])),
    }
    if rng.random() < 0.25:
        some["loss"] = "sigmoid"
    else:
        if rng.random() < 0.4:
            some["positives"] = float(rng.choice([0.0, 0.3, 1.0]))
        if rng.random() < 0.4:
            some["hardness"] = float(rng.uniform(0.5, 6.0))
            some["hardness_weights"] = str(rng.choice(["attached", "detached"]))
        if rng.random() < 0.4:
            some["debias"] = float(rng.uniform(0.01, 0.5))
    try:
        return replace(objective, **some)
    except ConfigError:
        return objective


def quick_family_cases() -> Iterator[Case]:
    """The cases of the family that `gcl verify-backends` tries, each of two directions.

    They are a softmax and a sigmoid with scales of pairs and a bias, and hard negatives with scales
    of modalities and with scales of directions.
    """
    rows = 0.7 * draw_rows(307, 3, 8)
    rule = Objective(directions=_WAYS, positives=0.3, scales="pair", debias=0.2, hardness=1.5)
    yield Case("softmax with all", rows, _logs(308, (3, 3)), rule, ids=_IDS, bias=_bias(309))
    sigmoid = Objective(directions=_WAYS, loss="sigmoid", bias_unit="cosine", scales="pair")
    yield Case("sigmoid with all", rows, _logs(305, (3, 3)), sigmoid, ids=_IDS, bias=_bias(306))
    yield from _hard_cases()


def telling_family_cases() -> Iterator[Case]:
    """Cases that show the known bugs: each term with few others, in two directions."""
    rows = 0.7 * draw_rows(300, 3, 8)
    rule = Objective(directions=_WAYS, positives=0.3, scales="pair", debias=0.2)
    logs, masks = _logs(301, (3, 3)), _masks()
    yield Case("lambda, pairs, debiased", rows, logs, rule, bias=_bias(302), **masks)
    yield from _hard_cases()
    sigmoid = Objective(directions=_WAYS, loss="sigmoid", bias_unit="cosine", scales="pair")
    yield Case("sigmoid, pairs", rows, _logs(305, (3, 3)), sigmoid, bias=_bias(306), **masks)


def _hard_cases() -> Iterator[Case]:
    """Hard negatives: attached, with scales of modalities; detached, with scales of directions."""
    rows, masks = 0.7 * draw_rows(300, 3, 8), _masks()
    hard = Objective(directions=_WAYS, hardness=1.5, scales="modality", same_sample="drop")
    yield Case("hard, modalities", rows, _logs(303, (2,)), hard, **masks)
    detached = replace(hard, scales="direction", hardness_weights="detached")
    yield Case("detached, directions", rows, _logs(304, (2,)), detached, **masks)


def _masks() -> dict[str, Any]:
    """Missing rows, and equal ids, of eight samples of three modalities."""
    present = np.ones((3, 8), bool)
    present[[0, 1, 1, 2], [2, 0, 4, 1]] = False
    return {"present": present, "ids": _IDS}


def family_cases() -> Iterator[Case]:
    """All cases of the family, most with six directions, with and without masks and tiles."""
    some = {case.name: case for case in (*quick_family_cases(), *telling_family_cases())}
    yield from some.values()
    present = np.random.default_rng(310).random((3, 8)) > 0.2
    present[:, 0] = True
    masks: tuple[dict[str, Any], ...] = ({}, {"present": present, "ids": _IDS, "tile": 3})
    for name, rule in _RULES.items():
        for seed, mask in enumerate(masks):
            more: dict[str, Any] = dict(mask)
            if rule.bias_unit == "cosine" or rule.loss == "sigmoid" or "bias" in name:
                more["bias"] = _bias(320 + seed)
            log_scale = _logs(330 + seed, rule.scale_shape)
            rows = 0.7 * draw_rows(340 + seed, 3, 8)
            yield Case(f"{name}; {'masked' if mask else 'whole'}", rows, log_scale, rule, **more)
    views = ("text", "image", "image+text")
    asks = tuple(Direction("query", view, pool=views) for view in views)
    joint = Objective(modalities=("query", *views), directions=asks, positives=0.0)
    yield Case("a query and three views, joint", draw_rows(350, 4, 8), 1.5, joint)
    yield Case("a query and three views, fused", draw_rows(351, 3, 8), 1.5, joint, tile=3)


_RULES = {
    "lambda 0": Objective(positives=0.0),
    "lambda 1, equal ids": Objective(positives=1.0, duplicates="positive"),
    "lambda, keep self": Objective(positives=0.6, self_term="keep"),
    "pairs of scales": Objective(scales="pair"),
    "scales of modalities": Objective(scales="modality"),
    "bias": Objective(same_sample="drop"),
    "bias in cosines": Objective(bias_unit="cosine", scales="modality"),
    "hard negatives": Objective(hardness=2.0),
    "hard negatives, equal ids": Objective(hardness=2.0, duplicates="positive", positives=0.5),
    "detached": Objective(hardness=2.0, hardness_weights="detached", scales="pair"),
    "debiased": Objective(debias=0.1),
    "debiased to the floor": Objective(debias=0.9, same_sample="drop"),
    "sigmoid": Objective(loss="sigmoid"),
    "sigmoid, targets": Objective(loss="sigmoid", pool="target", balance="direction"),
}


def _logs(seed: int, shape: tuple[int, ...]) -> FloatArray:
    """Logarithms of scales between 2 and 9, of a shape."""
    return np.random.default_rng(seed).uniform(0.7, 2.2, size=shape)


def _bias(seed: int) -> FloatArray:
    """A bias of each pair of modalities, (3, 3)."""
    return 0.5 * np.random.default_rng(seed).normal(size=(3, 3))
