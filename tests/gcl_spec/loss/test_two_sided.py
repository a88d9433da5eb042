"""Queries and targets, taken apart, give the sums over their own directions."""

import numpy as np
import pytest

from gcl_spec.loss import contrastive_loss
from gcl_spec.loss.two_sided import taken_apart, target_name, two_sided
from gcl_spec.normalize import l2_normalize
from gcl_spec.objective import PAIRWISE, TRIPLETS, Objective


@pytest.mark.parametrize("objective", [TRIPLETS, PAIRWISE], ids=["triplets", "pairwise"])
def test_it_is_the_mean_cross_entropy_of_queries_against_targets(objective: Objective) -> None:
    rng = np.random.default_rng(0)
    rows = {name: rng.normal(size=(8, 5)) for name in ("image", "text")}
    units = {name: l2_normalize(x, xp=np) for name, x in rows.items()}
    fused = l2_normalize(units["image"] + units["text"], xp=np)
    every = taken_apart(units | {"image+text": fused})
    goal = two_sided(objective)
    found = contrastive_loss(taken_apart(units), log_scale=np.log(7.0), objective=goal)
    total = []
    for direction in objective.directions:
        logits = 7 * every[direction.query] @ every[target_name(direction.target)].T
        shifted = logits - logits.max(axis=1, keepdims=True)
        total.append(np.log(np.exp(shifted).sum(axis=1)) - np.diag(shifted))
    assert float(found) == pytest.approx(np.mean(total), abs=1e-12)


def test_names_and_settings_are_kept() -> None:
    goal = two_sided(TRIPLETS)
    wanted = ("target_image", "text", "image+text", "target_image+target_text")
    assert goal.modalities == wanted
    assert (goal.pool, goal.self_term, goal.balance) == ("target", "keep", "pair")
    assert target_name("text") == "target_text"
