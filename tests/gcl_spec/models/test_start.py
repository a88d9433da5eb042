"""The temperature and the widths at which models start."""

import math
from dataclasses import replace

import numpy as np
import pytest

from gcl_spec.config.options import Config, ModelConfig
from gcl_spec.config.toml import loads
from gcl_spec.errors import ConfigError
from gcl_spec.models.start import OF_THE_LOSS, start_bias, start_scale, start_scales, vector_widths
from gcl_spec.train.optimizer_rules import decays


def with_scale(scale: float) -> Config:
    return replace(Config(), optim=replace(Config().optim, scale=scale))


def test_the_scale_of_the_config_goes_first() -> None:
    assert start_scale(with_scale(20.0).optim) == math.log(20)
    assert start_scale(with_scale(20.0).optim, own=4.6) == math.log(20)
    assert start_scale(with_scale(0.0).optim, own=4.6) == 4.6


def test_a_checkpoint_without_a_scale() -> None:
    with pytest.raises(ConfigError, match=r"this checkpoint has no logit_scale; set optim\.scale"):
        start_scale(with_scale(0.0).optim)


@pytest.mark.parametrize(
    ("sets", "scales", "bias"),
    [
        ([], (), None),
        (["objective.scales=direction"], (6,), None),
        (["objective.scales=pair", "objective.bias=pair"], (3, 3), (3, 3)),
        (["objective.preset=e5-omni"], (2,), None),
        (["objective.preset=e5-omni", "objective.scales=one"], (), None),
        (["objective.preset=siglip", "objective.bias_start=-10.0"], (), ()),
        (["objective.loss=sigmoid", "objective.bias=one"], (), ()),
        (["objective.bias=share", "objective.shares.text=2.0"], (), (3, 3)),
    ],
)
def test_temperatures_and_biases_have_the_shapes_of_the_objective(
    sets: list[str], scales: tuple[int, ...], bias: tuple[int, ...] | None
) -> None:
    config = loads("", [*sets, "optim.scale=20"])
    found, shift = start_scales(config), start_bias(config)
    assert found.shape == scales
    assert np.allclose(found, math.log(20))
    assert (None if shift is None else shift.shape) == bias
    assert shift is None or np.all(shift == config.objective.bias_start)


def test_what_belongs_to_the_loss_has_no_weight_decay() -> None:
    assert decays("image_head.1.weight", 2)
    assert not any(decays(name, 2) for name in OF_THE_LOSS)


def test_the_widths_of_an_adapter() -> None:
    assert vector_widths(ModelConfig(image_vector=3, text_vector=5)) == {"image": 3, "text": 5}
    with pytest.raises(ConfigError, match=r"set model\.image_vector and model\.text_vector"):
        vector_widths(ModelConfig(image_vector=3))
