"""Batches that go round a ring: what each process finds, and what one has by the plain equation."""

from collections.abc import Mapping
from itertools import pairwise
from typing import Any
from unittest.mock import patch

import torch
import torch.distributed as dist

from gcl_spec.loss.equation import contrastive_loss as neutral_loss
from gcl_spec.loss.plain import plain_blocks
from gcl_spec.objective import CLIP, GCL, SEPARATION, Direction, Objective
from gcl_torch import contrastive_loss

SIZES = (2, 3, 4, 5)
SAMPLES, WIDTH, WIDE, TILE = 31, 6, 100, 4

ONE_ORDER = Objective(directions=(Direction("image", "text"),), pool="target")
"""A block that is asked for by its rows alone: no row of text looks for anything."""

CASES: dict[str, dict[str, Any]] = {
    "GCL": {"objective": GCL},
    "CLIP": {"objective": CLIP},
    "large scale": {"objective": GCL, "log_scale": 8.0},
    "fused given": {"objective": GCL, "given": True},
    "present, ids": {"objective": GCL, "present": True, "ids": True},
    "weights": {"objective": GCL, "weights": True, "present": True},
    "positives by ids": {"objective": Objective(duplicates="positive"), "ids": True},
    "scales and biases": {
        "objective": Objective(scales="pair"),
        "log_scale": torch.linspace(0.5, 2.5, 9).double().view(3, 3),
        "bias": torch.linspace(-1.0, 1.0, 9).double().view(3, 3),
    },
    "hardness": {"objective": Objective(hardness=2.0, debias=0.1), "present": True},
    "sigmoid": {
        "objective": Objective(loss="sigmoid"),
        "bias": torch.tensor(-2.0, dtype=torch.float64),
        "present": True,
    },
    "captions": {"objective": SEPARATION, "captions": True},
    "one order": {"objective": ONE_ORDER, "present": True},
    "one order, scales": {
        "objective": Objective(directions=ONE_ORDER.directions, pool="target", scales="pair"),
        "log_scale": torch.linspace(0.5, 2.5, 9).double().view(3, 3),
        "ids": True,
    },
}

TWICE = ("GCL", "present, ids", "scales and biases", "sigmoid", "one order, scales")
"""Cases that each process computes twice, and must find the same bits."""


def shares(size: int, kind: str) -> list[int]:
    """The samples of every process of so many."""
    if kind == "uneven":
        bounds = [SAMPLES * r * (r + 1) // (size * (size + 1)) for r in range(size + 1)]
        return [stop - start for start, stop in pairwise(bounds)]
    if kind == "some empty":  # the first, the last and a single sample beside them
        return [0, SAMPLES] if size == 2 else [0, SAMPLES - 1, *[0] * (size - 3), 1]
    return [SAMPLES, *[0] * (size - 1)]


RINGS = [(size, kind) for size in SIZES for kind in ("uneven", "some empty")]
RINGS += [(size, "all on the first") for size in (2, 4)]  # whose middle step is shared


def batch(case: Mapping[str, Any]) -> dict[str, Any]:
    """All samples of a case: rows by modality, and what else has samples or a gradient."""
    generator = torch.Generator().manual_seed(5)
    z = torch.randn(4, SAMPLES, WIDTH, generator=generator, dtype=torch.float64)
    image, text, fused, captions = torch.nn.functional.normalize(z, dim=2)
    rows = {"image": image, "text": text}
    if "given" in case:
        rows["image+text"] = fused
    place = torch.arange(SAMPLES)
    found = {"rows": rows, "log_scale": torch.as_tensor(case.get("log_scale", 2.0)).double()}
    found["bias"] = case.get("bias")
    found["captions"] = captions if "captions" in case else None
    found["ids"] = place % 23 if "ids" in case else None
    found["present"] = {"text": place % 5 != 2} if "present" in case else None
    weights = 0.5 + torch.rand(2, SAMPLES, generator=generator, dtype=torch.float64)
    found["weights"] = {"image+text": (weights[0], weights[1])} if "weights" in case else None
    return found


def cut(x: Any, at: slice) -> Any:
    """The samples at some places, in the same containers."""
    if isinstance(x, Mapping):
        return {name: cut(y, at) for name, y in x.items()}
    if isinstance(x, tuple):
        return tuple(cut(y, at) for y in x)
    return None if x is None else x[at].clone()


def loss_and_gradients(case: Mapping[str, Any], at: slice, function: Any, **options: Any) -> Any:
    """The loss of some samples, and its gradients: those by samples first, then the shared ones."""
    given = batch(case)
    scale, bias = (None if x is None else x.clone() for x in (given["log_scale"], given["bias"]))
    of_samples = {name: cut(given[name], at) for name in ("ids", "present", "captions", "weights")}
    rows, captions = cut(given["rows"], at), of_samples["captions"]
    weights = of_samples["weights"] or {"image+text": ()}
    leaves = [*rows.values(), captions, *weights["image+text"]]
    leaves, shared = ([x for x in y if x is not None] for y in (leaves, [scale, bias]))
    for x in (*leaves, *shared):
        x.requires_grad_()
    loss = function(
        rows, log_scale=scale, bias=bias, objective=case["objective"], **of_samples, **options
    )
    loss.backward()
    of_rows = [torch.zeros_like(x) if x.grad is None else x.grad for x in leaves]
    columns = [x[:, None] if x.ndim == 1 else x for x in of_rows]
    return loss.item(), torch.cat(columns, dim=1), torch.cat([x.grad.flatten() for x in shared])


def alone(name: str) -> Any:
    """The loss and gradients of all samples, by the plain equation and autograd."""
    return loss_and_gradients(CASES[name], slice(None), neutral_loss, kernel=plain_blocks)


def gathered_columns(rank: int, size: int, width: int) -> list[int]:
    """The numbers for each sample in everything that a ring gathers, of two rows of a width."""
    rows = torch.nn.functional.normalize(torch.eye(40, width) + 0.1, dim=1)[rank::size]
    columns = []
    gather = dist.all_gather

    def recorded(every: Any, x: torch.Tensor, **options: Any) -> Any:
        columns.append(x[:1].numel())
        return gather(every, x, **options)

    with patch.object(dist, "all_gather", recorded):
        leaves = {"image": rows.requires_grad_(), "text": rows.detach().flip(0)}
        options = {"group": dist.group.WORLD, "ring": True}
        contrastive_loss(leaves, log_scale=1.0, objective=GCL, **options).backward()
    return columns


def in_processes(rank: int) -> dict[Any, Any]:
    """What a process finds in every ring that it is in: losses and gradients.

    Where shares are uneven, those of `TWICE` are found twice.
    """
    found: dict[Any, Any] = {}
    groups = {size: dist.new_group(list(range(size))) for size in SIZES}
    for size, kind in RINGS:
        counts = shares(size, kind)
        at = slice(sum(counts[:rank]), sum(counts[: rank + 1]))
        options = {"group": groups[size], "ring": True, "reduction": "sum", "tile": TILE}
        for name, case in CASES.items() if rank < size else ():
            turns = []
            for _ in range(2 if kind == "uneven" and name in TWICE else 1):
                loss, of_rows, shared = loss_and_gradients(case, at, contrastive_loss, **options)
                dist.all_reduce(shared, group=groups[size])
                turns.append((loss, of_rows.numpy(), shared.numpy()))
            found[size, kind, name] = turns
    found["columns"] = gathered_columns(rank, max(SIZES), WIDE)
    return found
