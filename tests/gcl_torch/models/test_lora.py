"""LoRA matrices beside projections: the rank that they may have."""

import pytest
from torch import nn

from gcl_spec.config.options import Config, ModelConfig
from gcl_spec.errors import ConfigError
from gcl_torch.models.lora import add_lora


class Layer(nn.Module):
    """Two projections, whose smaller sides are 6 and 4."""

    def __init__(self) -> None:
        super().__init__()
        self.q_proj, self.fc1 = nn.Linear(6, 6), nn.Linear(4, 12)


def config(rank: int) -> Config:
    return Config(model=ModelConfig(kind="clip", lora=rank))


def ranks(model: nn.Module) -> set[int]:
    return {x.shape[0] for name, x in model.named_parameters() if ".lora_A." in name}


def test_a_rank_above_a_smaller_side_is_an_error() -> None:
    for rank in (5, 100_000):
        with pytest.raises(ConfigError) as raised:
            add_lora(Layer(), config(rank))
        assert str(raised.value) == (
            f"model.lora = {rank}: more than a matrix can have, for 'fc1' is 12 x 4; set it to 4 "
            "or less"
        )
    fitting = Layer()
    add_lora(fitting, config(4))
    assert ranks(fitting) == {4}


def test_the_smaller_side_may_be_either() -> None:
    model = Layer()
    model.fc1 = nn.Linear(12, 3)
    with pytest.raises(ConfigError, match="for 'fc1' is 3 x 12; set it to 3 or less"):
        add_lora(model, config(4))


def test_a_run_that_has_such_matrices_keeps_them() -> None:
    model = Layer()
    add_lora(model, config(5), trained=True)
    assert ranks(model) == {5}
