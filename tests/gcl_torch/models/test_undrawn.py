"""Weights that are replaced at once are not drawn first."""

import torch
from torch import nn

from gcl_torch.models.undrawn import undrawn


class Drawn(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(3, 4))
        nn.init.normal_(self.weight, std=0.1)
        nn.init.kaiming_uniform_(self.weight)
        nn.init.xavier_normal_(tensor=self.weight)
        self.weight.data.uniform_(1, 2)


def test_no_weight_is_drawn_and_no_random_number_used() -> None:
    before = torch.get_rng_state()
    with undrawn():
        module, layer = Drawn(), nn.Linear(4, 3)
        assert torch.ones(2).sum() == 2  # all else is as ever
    assert torch.equal(torch.get_rng_state(), before)
    assert not module.weight.any()
    assert layer(torch.zeros(1, 4)).shape == (1, 3)
    assert Drawn().weight.all(), "afterwards they are drawn again"
