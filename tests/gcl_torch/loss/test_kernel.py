"""The tiled kernel of PyTorch: precision, options, autograd, compilers."""

import operator
from functools import partial
from math import log
from typing import Any

import numpy as np
import pytest
import torch

from gcl_spec.errors import InputError, InputTypeError
from gcl_spec.loss.equation import contrastive_loss, gcl_loss
from gcl_spec.loss.plain import plain_blocks
from gcl_spec.loss.problem import Problem
from gcl_spec.loss.tiled.tile_softmax import backward_tile, forward_tile
from gcl_spec.normalize import l2_normalize
from gcl_spec.objective import CLIP, GCL, PAIRWISE, PRESETS, Objective
from gcl_torch import GCLLoss
from gcl_torch import gcl_loss as torch_loss
from gcl_torch.loss import kernel as gram
from gcl_torch.loss.kernel import GramKernel, tile_of


def unit_rows(seed: int, samples: int, width: int, noise: float | None = None) -> tuple[Any, Any]:
    """Random pairs, or those whose texts are their images with some noise."""
    rng = np.random.default_rng(seed)
    image = l2_normalize(rng.normal(size=(samples, width)))
    text = rng.normal(size=(samples, width))
    return image, l2_normalize(text if noise is None else image + noise * text)


def run(
    kernel: Any, image: Any, text: Any, scale: float, dtype: torch.dtype, **options: Any
) -> Any:
    rows = [torch.as_tensor(x).to(dtype, copy=True).requires_grad_() for x in (image, text)]
    s = torch.tensor(np.log(scale), dtype=dtype, requires_grad=True)
    loss = gcl_loss(*rows, log_scale=s, kernel=kernel, **options)
    loss.backward()
    return loss.item(), torch.stack([x.grad for x in rows]).double(), s.grad.item()


@pytest.mark.parametrize("noise", [None, 0.02, 0.002])
@pytest.mark.parametrize("norm", [0.3, 1.0, 10.0])
@pytest.mark.parametrize("tau", [1.0, 0.05, 0.01])
def test_single_precision_over_the_range(tau: float, norm: float, noise: float | None) -> None:
    """Loss within 1e-6, gradients within 2e-5 of their norm, for any temperature and norm.

    Where a pair's rows are alike the gradient is the difference of large numbers: that of products
    in float32 is wrong by 1e-2 at the least noise.
    """
    image, text = (torch.tensor(norm * x).float() for x in unit_rows(0, 300, 32, noise))
    exact = run(plain_blocks, image, text, 1 / tau, torch.float64)
    found = run(GramKernel(64), image, text, 1 / tau, torch.float32)
    assert found[0] == pytest.approx(exact[0], rel=1e-6)
    error = torch.linalg.vector_norm(found[1] - exact[1])
    assert error <= 2e-5 * torch.linalg.vector_norm(exact[1])


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset(name: str) -> None:
    image, text = unit_rows(1, 50, 8)
    want = run(plain_blocks, image, text, 20.0, torch.float64, objective=PRESETS[name])
    have = run(GramKernel(16), image, text, 20.0, torch.float64, objective=PRESETS[name])
    assert have[0] == pytest.approx(want[0], rel=1e-12)
    torch.testing.assert_close(have[1], want[1], rtol=1e-9, atol=1e-12)
    assert have[2] == pytest.approx(want[2], rel=1e-9)


@pytest.mark.parametrize("objective", [GCL, PAIRWISE, CLIP])
def test_weighted_fusion_and_a_temperature_per_direction(objective: Objective) -> None:
    image, text = unit_rows(2, 40, 8)
    terms = len(objective.directions)
    found = []
    for kernel in (plain_blocks, GramKernel(16)):
        rows = [torch.tensor(x, requires_grad=True) for x in (image, text)]
        w = torch.linspace(0.5, 2.0, 40, dtype=torch.float64, requires_grad=True)
        s = torch.linspace(1.0, 4.0, terms, dtype=torch.float64, requires_grad=True)
        weights = (w, 1.5) if objective is not CLIP else None
        options = {"objective": objective, "weights": weights, "kernel": kernel}
        loss = gcl_loss(*rows, log_scale=s, **options)
        leaves = [*rows, s, *([w] if weights else [])]
        found.append([loss.detach(), *torch.autograd.grad(loss, leaves)])
    for x, y in zip(*found, strict=True):
        torch.testing.assert_close(x, y, rtol=1e-9, atol=1e-12)


def test_more_than_three_modalities() -> None:
    names = ("image", "text", "video", "image+text", "video+text")
    objective = Objective(modalities=names)
    rng = np.random.default_rng(3)
    found = []
    rows = {n: l2_normalize(rng.normal(size=(30, 6))) for n in names[:3]}
    for kernel in (plain_blocks, GramKernel(7)):
        leaves = {n: torch.tensor(x, requires_grad=True) for n, x in rows.items()}
        loss = contrastive_loss(leaves, log_scale=2.0, objective=objective, kernel=kernel)
        found.append([loss, *torch.autograd.grad(loss, list(leaves.values()))])
    for x, y in zip(*found, strict=True):
        torch.testing.assert_close(x, y, rtol=1e-10, atol=1e-13)
    fused = {n: l2_normalize(sum(rows[p] for p in n.split("+"))) for n in names}
    given_all = contrastive_loss(fused, log_scale=2.0, objective=objective)
    assert found[0][0].item() == pytest.approx(float(given_all), rel=1e-12)


def test_a_second_derivative_is_an_error() -> None:
    image, text = (torch.tensor(x, requires_grad=True) for x in unit_rows(4, 20, 4))
    loss = gcl_loss(image, text, log_scale=1.0, kernel=GramKernel(8))
    (grad,) = torch.autograd.grad(loss, image, create_graph=True)
    with pytest.raises(InputError, match="no second derivative"):
        torch.autograd.grad(grad.sum(), image)


def test_a_retained_graph_may_be_walked_twice() -> None:
    image, text = (torch.tensor(x, requires_grad=True) for x in unit_rows(5, 20, 4))
    loss = gcl_loss(image, text, log_scale=1.0, kernel=GramKernel(8, cache_bytes=10**6))
    first = torch.autograd.grad(loss, image, retain_graph=True)
    assert torch.equal(first[0], torch.autograd.grad(loss, image)[0])


def test_torch_transforms_through_tiles() -> None:
    image, text = (torch.tensor(x) for x in unit_rows(6, 20, 4))
    tiled = partial(gcl_loss, kernel=GramKernel(8))
    scales = torch.tensor([1.0, 2.0], dtype=torch.float64)
    found = torch.func.vmap(lambda s: tiled(image, text, log_scale=s))(scales)
    want = [gcl_loss(image, text, log_scale=float(s)) for s in scales]
    assert torch.allclose(found, torch.stack(want))
    value = torch.func.grad(lambda x: tiled(x, text, log_scale=1.0))(image)
    plain = torch.func.grad(lambda x: gcl_loss(x, text, log_scale=1.0))(image)
    assert torch.allclose(value, plain)


@pytest.mark.parametrize("tau", [0.05, 0.01])
@pytest.mark.parametrize("noise", [1.0, 0.1, 0.02, 0.002])
def test_16_bit_operands(noise: float, tau: float) -> None:
    """Within 5e-3 of the exact gradient, also where pairs are nearer than 16 bits can tell."""
    generator = torch.Generator().manual_seed(0)
    image = torch.nn.functional.normalize(torch.randn(300, 128, generator=generator), dim=1)
    text = image + noise * torch.randn(300, 128, generator=generator) / 128**0.5
    text = torch.nn.functional.normalize(text, dim=1)
    exact = run(plain_blocks, image, text, 1 / tau, torch.float64)
    found = run(GramKernel(64, operands="bfloat16"), image, text, 1 / tau, torch.float32)
    assert found[0] == pytest.approx(exact[0], rel=1e-4)
    error = torch.linalg.vector_norm(found[1] - exact[1])
    assert error <= 5e-3 * torch.linalg.vector_norm(exact[1])


def test_autocast_and_16_bit_rows_change_nothing_but_the_rows() -> None:
    image, text = (torch.tensor(x, dtype=torch.bfloat16) for x in unit_rows(7, 40, 8))
    want = torch_loss(image.float(), text.float(), log_scale=4.0, tile=16)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = torch_loss(image, text, log_scale=4.0, tile=16)
    assert found.dtype == torch.float32
    assert found.item() == pytest.approx(want.item(), rel=1e-6)
    rows = image.clone().requires_grad_()
    torch_loss(rows, text, log_scale=4.0, tile=16).backward()
    assert rows.grad.dtype == torch.bfloat16


@pytest.mark.filterwarnings("ignore:Dynamo detected", "ignore:The .grad attribute")
def test_compiled_around_the_tiles() -> None:
    """The tiles are one break in the graph of a compiled training step."""
    image, text = (torch.tensor(x, dtype=torch.float32) for x in unit_rows(8, 32, 8))

    def step(x: torch.Tensor) -> torch.Tensor:
        return torch_loss(torch.nn.functional.normalize(2 * x, dim=1), text, log_scale=2.0, tile=16)

    compiled = torch.compile(step, backend="eager")
    found = []
    for function in (step, compiled):
        x = image.clone().requires_grad_()
        loss = function(x)
        loss.backward()
        found.append((loss.item(), x.grad))
    assert found[0][0] == pytest.approx(found[1][0], rel=1e-6)
    torch.testing.assert_close(found[0][1], found[1][1])


@pytest.mark.filterwarnings("ignore:Dynamo detected", "ignore:The .grad attribute")
def test_a_tile_compiles_as_one_graph(monkeypatch: pytest.MonkeyPatch) -> None:
    """What CUDA devices run: whole tiles without a break, each row with a maximum of its own."""
    rows = unit_rows(9, 32, 8)
    image, text = (torch.tensor(x, dtype=torch.float32, requires_grad=True) for x in rows)
    step = partial(torch_loss, image, text, log_scale=3.1, tile=16)
    want = torch.autograd.grad(step(), image)[0]
    compile_ = partial(torch.compile, fullgraph=True, backend="eager")
    tiles = {"forward_tile": forward_tile, "backward_tile": backward_tile}
    monkeypatch.setattr(gram, "_on_host", lambda device: False)
    monkeypatch.setattr(gram, "_compiled", lambda: {k: compile_(f) for k, f in tiles.items()})
    have = torch.autograd.grad(step(), image)[0]
    torch.testing.assert_close(have, want)
    error = torch.linalg.vector_norm(have - want)
    assert error <= 50 * torch.finfo(torch.float32).eps * torch.linalg.vector_norm(want)


def test_devices_without_float64_take_whole_blocks() -> None:
    assert [tile_of(None, 10**4, device) for device in ("cpu", "cuda", "mps")] == [320, 4096, None]
    assert [tile_of(64, 100, device) for device in ("cpu", "cuda", "mps")] == [64, 64, None]
    assert [tile_of(None, 63, device) for device in ("cpu", "cuda", "mps")] == [None] * 3


def test_the_module_keeps_its_scale_in_bounds() -> None:
    image, text = (torch.tensor(x, dtype=torch.float32) for x in unit_rows(10, 20, 8))
    criterion = GCLLoss(scale=200.0, per_direction=True)
    criterion(image, text).backward()
    assert criterion.log_scale.shape == criterion.log_scale.grad.shape == (6,)
    assert torch.allclose(criterion.log_scale.exp(), torch.tensor(100.0))
    want = torch_loss(image, text, log_scale=log(20), tile=8, operands="bfloat16")
    rounded = GCLLoss(scale=20.0, tile=8, operands="bfloat16")(image, text)
    assert torch.equal(rounded, want)
    assert rounded != GCLLoss(scale=20.0, tile=8)(image, text)
    fixed = GCLLoss(learn_scale=False)
    assert not list(fixed.parameters())
    assert "log_scale" in fixed.state_dict()


def test_the_loss_finds_its_kernel() -> None:
    """In other people's loops, `gcl_spec.loss.gcl_loss` of many torch rows is the tiled one."""
    image, text = (torch.tensor(x, requires_grad=True) for x in unit_rows(11, 300, 8))
    loss = gcl_loss(image, text, log_scale=1.0)
    assert loss.item() == pytest.approx(gcl_loss(*unit_rows(11, 300, 8), log_scale=1.0), rel=1e-12)
    (grad,) = torch.autograd.grad(loss, image, create_graph=True)
    with pytest.raises(InputError, match="no second derivative"):
        torch.autograd.grad(grad.sum(), image)


def test_a_scale_that_is_used_elsewhere_and_a_caller_s_own() -> None:
    image, text = (torch.tensor(x).float() for x in unit_rows(8, 20, 4))
    criterion = GCLLoss()
    (criterion(image, text) + criterion.log_scale**2).backward()
    assert torch.isfinite(criterion.log_scale.grad)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"tile": 0}, "tile = 0"),
        ({"operands": "float16"}, "operands = 'float16'"),
        ({"reduction": "max"}, "reduction = 'max'"),
        ({"ring": True}, "ring = True needs a group"),
        ({"group": "world"}, "call torch.distributed.init_process_group first"),
    ],
)
def test_options_that_make_no_sense(options: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        torch_loss(torch.eye(4), torch.eye(4), log_scale=1.0, **options)


def test_16_bit_operands_do_not_stay_for_the_next_loss(monkeypatch: pytest.MonkeyPatch) -> None:
    """Options of compiled tiles are shared by all losses on a device."""
    monkeypatch.setattr(gram, "_on_host", lambda device: False)
    problem = Problem((torch.eye(4), torch.eye(4)), (0, 1), ((0, 1),), ((0, 1),))
    GramKernel(4, operands="bfloat16").tiles(problem, torch.tensor(2.0))
    assert GramKernel(4).tiles(problem, torch.tensor(2.0)).multiply is operator.matmul


def test_a_module_with_options_that_make_no_sense() -> None:
    with pytest.raises(InputError, match="scale = 0"):
        GCLLoss(scale=0)
    with pytest.raises(InputTypeError, match="wanted an Objective"):
        GCLLoss("gcl")  # type: ignore[arg-type]
    with pytest.raises(InputTypeError, match="of type ndarray; wanted tensors"):
        torch_loss(np.eye(4), np.eye(4), log_scale=1.0)
