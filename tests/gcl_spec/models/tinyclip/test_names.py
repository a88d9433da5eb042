"""The spellings of TinyCLIP's weights: all of the peer's, and none of anything else."""

import numpy as np
import pytest

from gcl_spec.errors import DataError
from gcl_spec.models.tinyclip.names import flat_weights, is_named_so
from tinyclips import DOUBLED, drawn, spelled

SPELLINGS = [
    *DOUBLED,
    "_image_encoder.* _text_encoder.* _logit_scale.*",
    "module._image_encoder.* module._text_encoder.* module._logit_scale.*",
    "* * *",
    "_orig_mod.* _orig_mod.* _orig_mod.*",
    "module._orig_mod._image_encoder.* module._orig_mod._text_encoder.* module._logit_scale.*",
    "module.* module.* module.*",
    "module.image_encoder_without_ddp.* module.text_encoder_without_ddp.* module._logit_scale.*",
    "image_encoder_without_ddp.module.* text_encoder_without_ddp.module.* _logit_scale.*",
]


@pytest.mark.parametrize("how", SPELLINGS)
def test_every_spelling_is_read(how: str) -> None:
    weights = drawn()
    named = spelled(weights, how)
    assert is_named_so(named.keys())
    found, masks = flat_weights(named, "x")
    assert found.keys() == weights.keys()
    assert all(found[name] is weights[name] for name in weights)
    assert not masks


def test_masks_and_constants_are_left_out_and_counted() -> None:
    more = {
        "_image_encoder.module.l0_module.heads_loga": np.ones(3),
        "l0_module.lambda_1": np.ones(1),
        "attn_mask": np.ones((4, 4)),
    }
    found, masks = flat_weights(drawn() | more, "x")
    assert found.keys() == drawn().keys()
    assert masks == 2


def test_a_weight_of_two_values_is_refused() -> None:
    twice = spelled(drawn(), DOUBLED[0]) | spelled(drawn(seed=1), DOUBLED[1])
    with pytest.raises(DataError, match=r"x: '_image_encoder\.module\.visual.*, but differ"):
        flat_weights(twice, "x")


@pytest.mark.parametrize(
    "names", [[], ["visual.proj"], ["vision_model.x", "logit_scale"], ["model_visual.visual.proj"]]
)
def test_other_models_are_not_taken_for_one(names: list[str]) -> None:
    assert not is_named_so(names)
