"""Options: each documented, and those of the objective change its preset."""

from dataclasses import replace

from gcl_spec.config import toml
from gcl_spec.config.options import Config, ObjectiveConfig
from gcl_spec.objective import GCL


def test_objective_options_change_the_preset() -> None:
    assert toml.objective(ObjectiveConfig()) == GCL
    changed = toml.objective(ObjectiveConfig(same_sample="drop", balance="direction"))
    assert changed == replace(GCL, same_sample="drop", balance="direction")


def test_every_option_is_documented() -> None:
    text = toml.describe(Config())
    assert "over all processes and devices.\ntrain.batch_size = 256" in text
    assert text.count("\n") + 1 == 2 * text.count(" = ")
