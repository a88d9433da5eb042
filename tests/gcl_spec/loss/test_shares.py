"""The bias that gives each modality its share, against softmaxes by hand."""

import numpy as np
import pytest

from gcl_reference.loss import Samples, gradients
from gcl_spec.loss.shares import balanced_bias, target_shares
from gcl_spec.objective import Direction, Objective

RULES = [
    Objective(),
    Objective(self_term="keep", balance="direction"),
    Objective(
        directions=(Direction("image", "text", 3.0), Direction("text", "image+text", 0.5)),
        reduction="sum",
    ),
]


def rows_and_flags(seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    rows = rng.normal(size=(3, 7, 4))
    present = rng.random((3, 7)) > 0.2
    present[:, 0] = True
    return rows / np.linalg.norm(rows, axis=-1, keepdims=True), present


@pytest.mark.parametrize("rule", RULES)
def test_shares_become_those_that_are_stated(rule: Objective) -> None:
    rows, present = rows_and_flags(0)
    samples, wanted = Samples(rows, rule, present), {"image": 3.0, "image+text": 0.5}
    index = rule.modalities.index
    valid = [present[index(d.query)] & present[index(d.target)] for d in rule.directions]
    pairs = np.sum(valid, axis=1)
    bias = np.zeros((3, 3))
    for _ in range(200):
        dbias = gradients(samples, 1.0, bias).dbias
        bias = balanced_bias(bias, dbias, pairs, rule, wanted, xp=np)
    for query in {d.query for d in rule.directions}:
        held = _mean_shares(samples, query, bias)
        np.testing.assert_allclose(held, target_shares(rule, wanted), atol=1e-6)
    idle = [m for m, name in enumerate(rule.modalities) if name not in _queries(rule)]
    assert np.all(bias[idle] == 0)


def _queries(rule: Objective) -> set[str]:
    return {direction.query for direction in rule.directions}


def _mean_shares(samples: Samples, query: str, bias: np.ndarray) -> np.ndarray:
    """What each modality holds of a query's softmax, as the mean over its terms."""
    rule = samples.objective
    held, total = np.zeros(3), 0.0
    for weight, row, t in samples.terms():
        direction = rule.directions[t]
        if direction.query != query:
            continue
        pool = samples.pool(row, direction)
        e = np.exp([np.e * samples.cosine(row, x) + bias[row[0], x[0]] for x in pool])
        for x, share in zip(pool, e / e.sum(), strict=True):
            held[x[0]] += weight * share
        total += weight
    return held / total
