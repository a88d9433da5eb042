"""What the processes of `test_torch_processes` do; they import this module by its name."""

from typing import Any

import torch
import torch.distributed as dist
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from gcl_spec.errors import InputError
from gcl_spec.objective import CLIP, SEPARATION, Objective
from gcl_torch import GCLLoss, gcl_loss

SIZES = (1, 2, 5)
SAMPLES = 37

CASES: dict[str, dict[str, Any]] = {
    "tiles": {"tile": 8},
    "tiles, own maxima": {"tile": 8, "scale": 3000.0, "max_scale": 1e4},
    "whole": {},
    "ids": {"tile": 8, "ids": True, "objective": Objective(duplicates="positive")},
    "missing texts": {"tile": 8, "present": True},
    "CLIP": {"tile": 8, "objective": CLIP},
    "three given": {"tile": 8, "given": True},
    "ring": {"tile": 8, "ring": True},
    "ring, ids": {
        "tile": 8,
        "ring": True,
        "ids": True,
        "objective": Objective(duplicates="positive"),
    },
    "ring, missing texts": {"tile": 8, "ring": True, "present": True},
    "ring, three given": {"tile": 8, "ring": True, "given": True},
    "ring, summed gradients": {"tile": 8, "ring": True, "reduction": "sum"},
    "summed gradients": {"tile": 8, "reduction": "sum"},
    "captions": {"tile": 8, "captions": True, "objective": SEPARATION},
    "nothing on the first": {"tile": 8, "empty": True},
    "ring, nothing on the first": {"tile": 8, "ring": True, "empty": True},
    "ring, captions": {"tile": 8, "ring": True, "captions": True, "objective": SEPARATION},
}
_PAIRS = {
    "objective": Objective(scales="pair", hardness=2.0),
    "per_direction": True,
    "bias": torch.arange(9.0).view(3, 3) / 9,
}
_SIGMOID = {"objective": Objective(loss="sigmoid"), "bias": torch.tensor(-2.0)}
CASES |= {
    "a scale for each pair": {"tile": 8, "present": True, **_PAIRS},
    "ring, a scale for each pair": {"tile": 8, "ring": True, "ids": True, **_PAIRS},
    "learned weights": {"tile": 8, "present": True, "weighed": True},
    "learned weights, summed gradients": {"tile": 8, "reduction": "sum", "weighed": True},
    "ring, learned weights": {"tile": 8, "ring": True, "present": True, "weighed": True},
    "ring, learned weights, summed gradients": {
        "tile": 8,
        "ring": True,
        "reduction": "sum",
        "weighed": True,
    },
    "sigmoid": {"tile": 8, "present": True, **_SIGMOID},
    "sigmoid in one pass": {"tile": 8, **_SIGMOID},
    "ring, sigmoid": {"tile": 8, "ring": True, "present": True, **_SIGMOID},
}

# Options of the loss on the first of two processes and on the second, and what both must say.
REFUSED: dict[str, tuple[dict[str, Any], dict[str, Any], str]] = {
    "tile": ({"tile": 8}, {"tile": 4}, "tile is 8 on rank 0 and 4 on rank 1"),
    "ids": ({"ids": torch.arange(6)}, {}, "ids is .* on rank 0 and None on rank 1"),
    "objective": ({}, {"objective": CLIP}, "objective is Objective"),
    "ring": ({"tile": 8}, {"tile": 8, "ring": True}, "ring is False on rank 0 and True"),
    "both rings": ({"tile": 8, "ring": True}, {"tile": 4, "ring": True}, "tile is 8 on rank 0"),
    "scale": ({"log_scale": 1.0}, {"log_scale": 2.0}, "log_scale is 1.0 on rank 0 and 2.0 on"),
    "reduction": ({}, {"reduction": "sum"}, "reduction is 'mean' on rank 0 and 'sum' on rank 1"),
    "weights": (
        {},
        {"weights": (1.0, 2.0)},
        r"weights is None on rank 0 and {'image\+text': \(1.0, 2.0\)}",
    ),
    "flags": (
        {"present": {"text": torch.ones(6, dtype=torch.bool)}},
        {"present": {"image": torch.ones(6, dtype=torch.bool)}},
        "present is {'text': .*} on rank 0 and {'image': .*} on rank 1",
    ),
    "width": ({}, {"width": 4}, r"rows is .*\(B, 5\).* on rank 0 and .*\(B, 4\).* on rank 1"),
    "samples": (
        {"ids": torch.arange(6)},
        {"ids": torch.arange(5)},
        "on rank 1: ids has 5 samples, where the first rows are 6",
    ),
    "samples of the ring": (
        {"ring": True, "ids": torch.arange(6)},
        {"ring": True, "ids": torch.arange(5)},
        r"on rank 1: ids has shape \(5,\); wanted \(6,\)",
    ),
    "NaN in the ring": (
        {"ring": True},
        {"ring": True, "factor": float("nan")},
        "on rank 1: rows 0, 1, 2, 3, 4 and 1 more of 'image' hold NaN or Inf",
    ),
    "no pair in the ring": ({"ring": True, "present": {"image": torch.zeros(6, dtype=torch.bool)}},)
    * 2
    + ("no valid pair is left",),
    "rounded ring": ({"ring": True, "operands": "bfloat16"},) * 2 + ("leave `operands` out",),
}


class Model(nn.Module):
    """Two towers and the loss, so that DDP reduces every parameter."""

    def __init__(self, *, weighed: bool = False, **options: Any) -> None:
        super().__init__()
        # Numbers that are no samples': every process has their gradient whole.
        parts = nn.Parameter(torch.tensor([1.5, 0.7], dtype=torch.float64))
        self.register_parameter("parts", parts if weighed else None)
        torch.manual_seed(0)
        self.image, self.text = nn.Linear(6, 5).double(), nn.Linear(6, 5).double()
        self.criterion = GCLLoss(**options).double()

    def forward(
        self, x: torch.Tensor, y: torch.Tensor, given: bool, captions: bool, **kw: Any
    ) -> torch.Tensor:
        image, text = (nn.functional.normalize(z, dim=1) for z in (self.image(x), self.text(y)))
        fused = nn.functional.normalize(image - 0.5 * text, dim=1) if given else None
        if captions:  # whose gradient goes into the tower, too
            kw["captions"] = self.text(y)
        if self.parts is not None:
            kw["weights"] = (self.parts[0], self.parts[1])
        return self.criterion(image, text, fused, **kw)


def batch(case: dict[str, Any]) -> tuple[torch.Tensor, ...]:
    generator = torch.Generator().manual_seed(1)
    x, y = torch.randn(2, SAMPLES, 6, generator=generator, dtype=torch.float64)
    ids = torch.arange(SAMPLES) % 29
    return x, y, ids, torch.arange(SAMPLES) % 5 != 2


def loss_and_gradients(model: nn.Module, case: dict[str, Any], rows: slice) -> Any:
    x, y, ids, here = (z[rows] for z in batch(case))
    options: dict[str, Any] = {"ids": ids} if "ids" in case else {}
    if "present" in case:
        options["present"] = {"text": here}
    loss = model(x, y, "given" in case, "captions" in case, **options)
    loss.backward()
    return loss.item(), torch.cat([p.grad.flatten() for p in model.parameters()])


def options_of(case: dict[str, Any]) -> dict[str, Any]:
    options = {
        k: v for k, v in case.items() if k not in ("ids", "present", "given", "captions", "empty")
    }
    return {"scale": 20.0, **options}


def uneven(size: int, rank: int, empty: bool) -> slice:
    """More samples for later processes, perhaps none for the first of several."""
    bounds = [SAMPLES * r * (r + 1) // (size * (size + 1)) for r in range(size + 1)]
    if empty and size > 1:
        bounds[1] = 0
    return slice(bounds[rank], bounds[rank + 1])


def in_processes(rank: int) -> dict[Any, Any]:
    found = {}
    for size in SIZES:
        group = dist.new_group(list(range(size)))
        if rank >= size:
            continue
        for name, case in CASES.items():
            model = Model(group=group, **options_of(case))
            reduced: nn.Module = model
            if case.get("reduction") != "sum":
                reduced = DistributedDataParallel(model, process_group=group)
            value, gradient = loss_and_gradients(reduced, case, uneven(size, rank, "empty" in case))
            if case.get("reduction") == "sum":
                dist.all_reduce(gradient, group=group)
            found[size, name] = value, gradient.numpy()
        if size == 2:
            found["refused"] = refused(rank, group)
            found["second"] = second_derivatives(group)
    return found


def refused(rank: int, group: dist.ProcessGroup) -> dict[str, str]:
    """What each of two processes says; afterwards the group must still work."""
    said = {}
    for name, (*options, _) in REFUSED.items():
        chosen = {"log_scale": 1.0, **options[rank]}
        rows = torch.eye(6)[:, : chosen.pop("width", 5)] + 0.1
        rows = chosen.pop("factor", 1.0) * rows
        try:
            gcl_loss(rows, rows.flip(0), group=group, **chosen)
        except InputError as error:
            said[name] = str(error)
    gcl_loss(torch.eye(6), torch.eye(6).flip(0), log_scale=1.0, group=group)
    return said


def second_derivatives(group: dist.ProcessGroup) -> list[str]:
    """What is said where a derivative of a derivative is asked for: it would be wrong."""
    said = []
    for options in ({}, {"tile": 2}, {"ring": True}):
        rows = (torch.eye(6) + 0.1).requires_grad_()
        loss = gcl_loss(rows, rows.detach().flip(0), log_scale=1.0, group=group, **options)
        (grad,) = torch.autograd.grad(loss, rows, create_graph=True)
        try:
            torch.autograd.grad(grad.pow(2).sum(), rows)
        except InputError as error:
            said.append(str(error))
    return said
