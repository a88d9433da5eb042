"""The size of logits that a scale, a bias and captions allow."""

from typing import Any

import array_api_strict
import numpy as np
import pytest
import torch

from gcl_spec.errors import InputError
from gcl_spec.loss.check_numbers import Numbers, check_numbers, largest_norm
from gcl_spec.loss.readable import Values
from gcl_spec.objective import CLIP, Objective

VALUES = Values(np, None)


def numbers(log_scale: Any = 0.0, bias: Any = None, rule: Objective = CLIP, **more: Any) -> Numbers:
    given = {"captions": None, "samples": 4, "info": np.finfo(np.float32)} | more
    return Numbers(log_scale, bias, objective=rule, **given)


@pytest.mark.parametrize(
    ("log_scale", "bias", "said"),
    [
        (np.inf, None, "log_scale is inf"),
        (np.asarray([1.0, 90.0]), None, "log_scale is 90, whose exponential no float32"),
        (0.0, np.asarray([[0.0, np.nan]]), "bias is nan"),
        (0.0, 1e38, r"bias is 1e\+38, by which logits"),
    ],
)
def test_what_no_loss_has_is_refused(log_scale: Any, bias: Any, said: str) -> None:
    with pytest.raises(InputError, match=said):
        check_numbers(numbers(log_scale, bias), VALUES)


def test_a_bias_in_cosines_counts_with_the_scale() -> None:
    rule = Objective(bias_unit="cosine")
    check_numbers(numbers(np.log(10.0), 1e30, rule), VALUES)
    with pytest.raises(InputError, match="bias is"):
        check_numbers(numbers(np.log(1e10), 1e30, rule), VALUES)


def test_the_room_for_rows_shrinks_with_all_that_makes_logits() -> None:
    plain = largest_norm(numbers(), VALUES)
    assert plain**2 < np.finfo(np.float32).max
    hard = largest_norm(numbers(rule=Objective(hardness=99.0)), VALUES)
    more = (numbers(np.log(100.0)), numbers(captions=np.full((4, 1), 10.0)), numbers(samples=400))
    found = [largest_norm(x, VALUES) for x in more]
    assert max(hard, *found) < 0.2 * plain
    assert largest_norm(numbers(captions=np.zeros((0, 3))), VALUES) == pytest.approx(plain)


def test_a_scale_that_cannot_be_read_refuses_no_bias() -> None:
    rule = Objective(bias_unit="cosine")
    check_numbers(numbers(torch.tensor(1.0), 1e38, rule), VALUES)
    assert largest_norm(numbers(torch.tensor(1.0)), VALUES) == np.inf


def test_the_longest_caption_and_every_sample_count() -> None:
    captions = np.zeros((4, 1))
    none = largest_norm(numbers(captions=captions), VALUES)
    captions[2] = 10.0
    assert largest_norm(numbers(captions=captions), VALUES) < 0.2 * none
    by_samples = [largest_norm(numbers(samples=n), VALUES) for n in (0, 1, 2)]
    assert by_samples[0] == by_samples[1] > by_samples[2]


def test_a_number_goes_with_captions_of_a_strict_namespace() -> None:
    info = array_api_strict.finfo(array_api_strict.float32)
    given = numbers(0.0, captions=array_api_strict.ones((4, 1)), info=info)
    assert 0 < largest_norm(given, Values(array_api_strict, None)) < np.inf
