"""Weights that are replaced at once are not drawn first."""

from contextlib import nullcontext
from pathlib import Path

import pytest
import torch
from torch import nn

import vista_cases
from gcl_torch.models.towers.efficientnet_lite import EfficientNetLite0
from gcl_torch.models.towers.minilm import MiniLM
from gcl_torch.models.towers.vista import Vista
from gcl_torch.models.undrawn import undrawn


class Drawn(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(3, 4))
        nn.init.normal_(self.weight, std=0.1)
        nn.init.kaiming_uniform_(self.weight)
        nn.init.xavier_normal_(tensor=self.weight)
        self.weight.data.uniform_(1, 2)


def test_nothing_of_a_tower_is_drawn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever draws would use random numbers, which nothing brings back here."""
    files = vista_cases.files(tmp_path, "base")
    monkeypatch.setattr(torch.random, "fork_rng", lambda **_: nullcontext())
    before = torch.get_rng_state()
    EfficientNetLite0.pretrained()
    MiniLM()
    Vista(files.settings, files.marks)
    assert torch.equal(torch.get_rng_state(), before)


def test_no_weight_is_drawn_and_no_random_number_used() -> None:
    before = torch.get_rng_state()
    with undrawn():
        module, layer = Drawn(), nn.Linear(4, 3)
        assert torch.ones(2).sum() == 2  # all else is as ever
    assert torch.equal(torch.get_rng_state(), before)
    assert not module.weight.any()
    assert layer(torch.zeros(1, 4)).shape == (1, 3)
    assert Drawn().weight.all(), "afterwards they are drawn again"
