"""The temperatures and biases of a run in its log."""

import numpy as np
import pytest

from gcl_spec.loss.learned_numbers import learned_numbers
from gcl_spec.objective import CLIP, GCL, PRESETS, Objective

PAIRS = np.arange(9.0).reshape(3, 3)


def test_one_scale_and_no_bias() -> None:
    found = learned_numbers(np.asarray(np.log(7.0)), None, GCL, xp=np)
    assert found == {"scale": pytest.approx(7.0)}


def test_each_direction_has_its_own() -> None:
    found = learned_numbers(np.log([2.0, 6.0]), np.asarray(-3.0), CLIP, xp=np)
    want = {"scale": 4.0, "scale/image->text": 2.0, "scale/text->image": 6.0, "bias": -3.0}
    assert {name: float(x) for name, x in found.items()} == pytest.approx(want)


def test_each_given_modality_has_its_own() -> None:
    rule = Objective(scales="modality")
    found = learned_numbers(np.log([2.0, 4.0]), None, rule, xp=np)
    assert list(found) == ["scale", "scale/image", "scale/text"]
    assert found["scale/text"] == pytest.approx(4.0)


def test_pairs_without_a_direction_are_left_out() -> None:
    rule = Objective(scales="pair")
    every = learned_numbers(np.log(1 + PAIRS), PAIRS, rule, xp=np)
    names = rule.modalities
    assert [name for name in every if name.startswith("bias")] == [
        f"bias/{a}->{b}" for a in names for b in names
    ], "other samples' rows of the query's modality compete"
    assert every["scale/image+text->text"] == pytest.approx(1 + PAIRS[2, 1])
    assert every["bias/text->image+text"] == PAIRS[1, 2]
    clip = Objective(("image", "text"), pool="target", scales="pair")
    few = learned_numbers(np.log(1 + PAIRS[:2, :2]), None, clip, xp=np)
    assert {name: float(x) for name, x in few.items()} == pytest.approx(
        {"scale": 3.0, "scale/image->text": 2.0, "scale/text->image": 4.0}
    ), "the mean is that of all that are used"


def test_directions_of_two_pools_have_a_scale_each() -> None:
    found = learned_numbers(np.log([2.0, 4.0, 6.0, 8.0]), None, PRESETS["separation"], xp=np)
    assert found["scale"] == pytest.approx(5.0)
    assert found["scale/image->text among image"] == pytest.approx(6.0)
    assert len(found) == 5
