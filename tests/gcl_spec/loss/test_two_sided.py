"""Queries and targets, taken apart, give the sums over their own directions."""

from dataclasses import replace

import numpy as np
import pytest

from gcl_spec.loss import contrastive_loss
from gcl_spec.loss.two_sided import of_both_sides, taken_apart, target_name, two_sided
from gcl_spec.normalize import l2_normalize
from gcl_spec.objective import GCL, PAIRWISE, TRIPLETS, Direction, Objective, given_names


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


def test_a_target_has_the_numbers_of_its_modality() -> None:
    """Made by hand for the modalities of `test_names_and_settings_are_kept`."""
    pairs = np.arange(9.0).reshape(3, 3)  # image, text, image+text
    found = of_both_sides(pairs, replace(TRIPLETS, scales="pair"), bias=False, xp=np)
    np.testing.assert_array_equal(found, pairs[[0, 1, 2, 2]][:, [0, 1, 2, 2]])
    np.testing.assert_array_equal(of_both_sides(pairs, TRIPLETS, bias=True, xp=np), found)
    each = replace(TRIPLETS, scales="modality")
    goal = two_sided(each)
    assert given_names(goal.modalities) == ("target_image", "text", "image", "target_text")
    wanted = [1.0, 2.0, 1.0, 2.0]
    np.testing.assert_array_equal(
        of_both_sides(np.asarray([1.0, 2.0]), each, bias=False, xp=np), wanted
    )
    np.testing.assert_array_equal(of_both_sides(pairs, each, bias=True, xp=np), found)
    for alone in (np.asarray(3.0), np.asarray([4.0, 5.0])):
        assert of_both_sides(alone, TRIPLETS, bias=False, xp=np) is alone
    assert of_both_sides(np.asarray(3.0), GCL, bias=True, xp=np) == 3


def test_a_pool_of_names_is_of_targets() -> None:
    views = (Direction("text", "image", pool=("image", "image+text")),)
    (direction,) = two_sided(replace(GCL, directions=views)).directions
    assert direction.pool == ("target_image", "target_image+target_text")
