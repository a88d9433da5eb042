"""The family of objectives in PyTorch's tiles: all blocks in one matrix, and one by one."""

from typing import Any

import pytest
import torch
from array_api_compat import torch as torch_namespace

from family_cases import FAMILY, check, drawn
from gcl_spec.loss.plain import plain_blocks
from gcl_spec.loss.problem import Problem
from gcl_spec.loss.tiled.scales import Scales
from gcl_spec.loss.tiled.tile_logits import Layout
from gcl_torch.loss import kernel as gram
from gcl_torch.loss import stacked_matrices
from gcl_torch.loss.functions import loss_and_grads
from gcl_torch.loss.stacked_layers import Layers
from gcl_torch.loss.stacked_tiles import StackedTiles

WAYS = ("stacked", "in bands", "one by one", "own maxima", "whole")


@pytest.mark.parametrize("present", [False, True])
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", FAMILY)
def test_every_way_equals_the_reference(
    name: str, way: str, present: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if way == "in bands":
        monkeypatch.setattr(stacked_matrices, "_BAND", 1)  # of one sample each
    if way == "one by one":
        monkeypatch.setattr(StackedTiles, "serve", staticmethod(lambda problem, shift: False))
    if way == "own maxima":
        monkeypatch.setattr(gram, "shift_on_host", lambda *_: None)
    batch, want = drawn(name, present)
    given = {"present": batch.present, "ids": batch.ids, "bias": batch.bias}
    tensors = {k: None if x is None else torch.tensor(x) for k, x in given.items()}
    found = loss_and_grads(
        torch.tensor(batch.z),
        torch.tensor(batch.log_scale),
        objective=batch.objective,
        tile=None if way == "whole" else 3,
        **tensors,
    )
    check(want, found)


def test_the_scale_of_a_layer_of_its_own_has_its_gradient() -> None:
    """It is not summed, but what the gradient by all scales leaves of the others'."""
    torch.manual_seed(2)
    rows = torch.nn.functional.normalize(torch.randn(2, 11, 5, dtype=torch.float64), dim=2)
    blocks = ((0, 0), (0, 1), (1, 0), (1, 1)) * 2
    problem = Problem(
        tuple(rows), (0, 1), blocks, ((0, 1), (1, 0)), places=(0, 0, 0, 0, 1, 1, 1, 1)
    )
    cotangents = torch.randn(3, len(blocks), 11, dtype=torch.float64)

    def by_scales(kernel: Any) -> torch.Tensor:
        scale = torch.tensor([2.0, 5.0], dtype=torch.float64, requires_grad=True)
        answer = torch.stack(kernel(problem, scale, xp=torch_namespace)[:3])
        (gradient,) = torch.autograd.grad((answer * cotangents).sum(), scale)
        return gradient

    kernel = gram.GramKernel(tile=4)
    assert isinstance(kernel.tiles(problem, torch.tensor([2.0, 5.0])), StackedTiles)
    torch.testing.assert_close(by_scales(kernel), by_scales(plain_blocks))


def test_a_place_is_alone_in_a_layer_that_has_no_other() -> None:
    blocks, like = ((0, 0), (0, 0), (0, 1), (0, 1), (1, 0), (1, 0)), torch.zeros(1)
    scales = Scales((1.0, 0.5, 0.25))
    alone = Layers(Layout((0, 1), (*blocks, (1, 1), (1, 1)), 2, 0, False, (0, 1) * 4), scales, like)
    assert [alone.alone(layer) for layer in range(alone.count)] == [0, 1]
    both = Layers(Layout((0, 1), blocks, 2, 0, False, (0, 1, 1, 2, 1, 2)), scales, like)
    assert [both.alone(layer) for layer in range(both.count)] == [None, None]


def test_rows_and_columns_share_a_layer_where_both_have_one_scale() -> None:
    like, scales = torch.zeros(1), Scales((1.0, 0.5, 0.25))
    blocks = ((0, 0), (0, 1), (1, 0), (1, 1))
    shared = Layers(Layout((0, 1), blocks, 2, 0, False, (0, 1, 1, 2)), scales, like)
    assert shared.every == [(0, True, True, (0, 1, 1, 2))]
    apart = Layers(Layout((0, 1), blocks, 2, 0, False, (0, 1, 2, 0)), scales, like)
    assert apart.every == [(0, True, False, (0, 1, 2, 0)), (0, False, True, (0, 2, 1, 0))]
    asked_once = Layers(Layout((0, 1), blocks[:2], 2, 0, False, (0, 1)), scales, like)
    assert asked_once.every == [(0, True, True, (0, 1, 1, -1))]


def test_slots_hold_each_scale_of_a_block_once() -> None:
    blocks, places = ((0, 0), (0, 1), (0, 1), (1, 0), (1, 1)), (0, 0, 1, 2, 0)
    layout = Layout((0, 1), blocks, 2, 0, False, places)
    like = torch.zeros(1, dtype=torch.float64)
    layers = Layers(layout, Scales((1.0, 0.5, 0.25)), like)
    assert layers.slots == 2  # of (0, 1): its two scales
    assert layers.count == layers.counted(layout) == 3  # (1, 0) has another than (0, 1)
    weights = torch.arange(1.0, 6.0, dtype=torch.float64)[:, None]
    by_slot = layers.by_slots(weights)
    assert by_slot.sum() == 1 + 2 + 3 * 0.5 + 4 * 0.25 + 5
    torch.testing.assert_close(layers.of_blocks(by_slot), layers.scaled(weights))
    by_layer = torch.arange(12.0, dtype=torch.float64).view(3, 2, 2)
    assert layers.every[0].at == (0, 0, 2, 0)
    assert layers.every[1].at == (0, 2, 0, 0)
    assert layers.every[2].at == (-1, 1, 1, -1)
    want = [0 + 1 + 3 + 4 + 6 + 7, 9 + 10, 2 + 5]
    assert layers.by_places(by_layer).tolist() == want
    assert layers.own_by_places(weights[:, 0]).tolist() == [1 + 2 + 5, 3, 4]
    assert layers.by_pairs(weights)[..., 0].tolist() == [[1, 3.5], [1, 5]]
