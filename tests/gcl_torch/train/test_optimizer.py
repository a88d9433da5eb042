"""Groups of AdamW, and the bias that holds shares."""

import numpy as np
import torch

from gcl_spec.config.toml import loads
from gcl_spec.objective import GCL
from gcl_torch.train.optimizer import BalancedBias, make_optimizer


def test_matrices_decay_and_what_belongs_to_the_loss_does_not() -> None:
    named = {"image_head.1.weight": (2, 2), "image_head.1.bias": (2,), "logit_bias": (3, 3)}
    trained = {name: torch.nn.Parameter(torch.ones(shape)) for name, shape in named.items()}
    optimizer = make_optimizer(trained, loads("").optim, sharded=False)
    decays = {len(g["params"]): g["weight_decay"] for g in optimizer.param_groups}
    assert decays == {1: 0.05, 2: 0.0}


def test_a_bias_moves_to_its_shares_whatever_the_optimiser_did() -> None:
    bias = torch.nn.Parameter(torch.zeros(3, 3))
    assert BalancedBias.of(bias, loads("", ["objective.bias=share"]).objective, GCL) is None, (
        "no gradient"
    )
    # Each query's softmax lies on images alone: its terms' targets hold the other 0.
    bias.grad = torch.tensor([[1.0, -0.5, -0.5], [0.5, 0.0, -0.5], [0.5, -0.5, 0.0]]) / 3
    assert BalancedBias.of(bias, loads("", ["objective.bias=pair"]).objective, GCL) is None
    balanced = BalancedBias.of(bias, loads("", ["objective.bias=share"]).objective, GCL)
    assert balanced is not None
    with torch.no_grad():
        bias.add_(7.0)
    bias.grad = None
    balanced.move(torch.full((6,), 4))
    found = bias.detach().numpy()
    assert np.all(found[:, 0] < -0.5)
    assert np.all(found[:, 1:] > 0.3)
    np.testing.assert_allclose(found.sum(axis=1), 0.0, atol=1e-6)
