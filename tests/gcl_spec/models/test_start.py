"""The temperature and the widths at which models start."""

import math
from dataclasses import replace

import pytest

from gcl_spec.config.options import Config, ModelConfig
from gcl_spec.errors import ConfigError
from gcl_spec.models.start import start_scale, vector_widths


def with_scale(scale: float) -> Config:
    return replace(Config(), optim=replace(Config().optim, scale=scale))


def test_the_scale_of_the_config_goes_first() -> None:
    assert start_scale(with_scale(20.0)) == math.log(20)
    assert start_scale(with_scale(20.0), own=4.6) == math.log(20)
    assert start_scale(with_scale(0.0), own=4.6) == 4.6


def test_a_checkpoint_without_a_scale() -> None:
    with pytest.raises(ConfigError, match=r"this checkpoint has no logit_scale; set optim\.scale"):
        start_scale(with_scale(0.0))


def test_the_widths_of_an_adapter() -> None:
    assert vector_widths(ModelConfig(image_vector=3, text_vector=5)) == {"image": 3, "text": 5}
    with pytest.raises(ConfigError, match=r"set model\.image_vector and model\.text_vector"):
        vector_widths(ModelConfig(image_vector=3))
