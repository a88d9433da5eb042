"""Inputs on which well-known libraries go wrong, given to them and to us.

python benchmarks/peers_defects.py

It needs pytorch-metric-learning, sentence-transformers (6 or newer), open_clip_torch and
torchmetrics, which `pip install` brings. A library that is missing becomes a line that says so.
"""

import math
import subprocess
import sys
import time
from functools import partial
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
import torch.distributed as dist
from torch.nn.functional import normalize

from gcl_spec import registry
from gcl_spec.errors import InputError
from gcl_spec.loss.equation import contrastive_loss
from gcl_spec.objective import CLIP, Objective
from gcl_spec.recall import rank
from gcl_torch import gcl_loss
from gcl_torch.bench.peers import open_clip_loss

WORLD = 4
TWO = Objective(modalities=("image", "text"))
Lines = list[tuple[str, str, str, str]]


def main() -> None:
    print(f"{'peer, case':<50} {'what':<16} {'truth':>9} {'peer':>9} {'gcl_spec':>9}")
    for case in (large_logits, four_directions, zero_row, processes, recall, start):
        try:
            for what, truth, peer, ours in case():
                print(f"{case.__doc__:<50} {what:<16} {truth:>9} {peer:>9} {ours:>9}")
        except ImportError as error:
            print(f"{case.__doc__:<50} not installed: {error.name}")


def ours(image: torch.Tensor, text: torch.Tensor, log_scale: float) -> list[float]:
    """Loss, norm of the image rows' gradient, derivative by log_scale."""
    scale = torch.tensor(log_scale, requires_grad=True)
    rows = {"image": image, "text": text}
    loss = contrastive_loss(rows, log_scale=scale, objective=TWO)
    by_image, by_scale = torch.autograd.grad(loss, (image, scale))
    return [loss.item(), by_image.norm().item(), by_scale.item()]


def truth(image: torch.Tensor, text: torch.Tensor, log_scale: float) -> list[float]:
    """The same of the float64 reference, which is written as loops."""
    z_MBD = torch.stack([image, text]).detach().double().numpy()
    loss, grads, by_scale = registry.load("reference").loss_and_grads(
        z_MBD, np.asarray(log_scale), objective=TWO
    )
    return [float(loss), float(np.linalg.norm(grads[0])), float(by_scale)]


def large_logits() -> Lines:
    """pytorch-metric-learning NTXentLoss, scale 100"""
    losses = import_module("pytorch_metric_learning.losses")
    # Rows agree with the next pair and are orthogonal to their own: each loss is about the scale.
    image = torch.eye(8, requires_grad=True)
    text = torch.roll(torch.eye(8), 1, 0)
    rows, labels = torch.cat([image, text]), torch.arange(8).repeat(2)
    value = losses.NTXentLoss(temperature=0.01)(rows, labels)
    norm = torch.autograd.grad(value, image)[0].norm().item()
    wants, founds = (of(image, text, math.log(100)) for of in (truth, ours))
    named = zip(("loss", "|gradient|"), wants, (value.item(), norm), founds, strict=False)
    return [(what, *(f"{x:.4g}" for x in values)) for what, *values in named]


def four_directions() -> Lines:
    """sentence-transformers MNRL, four directions"""
    losses = import_module("sentence_transformers.sentence_transformer.losses")
    util = import_module("sentence_transformers.util")
    directions = ("query_to_doc", "query_to_query", "doc_to_query", "doc_to_doc")
    loss = losses.MultipleNegativesRankingLoss(
        torch.nn.Sequential(torch.nn.Identity()),
        similarity_fct=util.dot_score,
        directions=directions,
    )
    image, text = pairs(8)
    scale = torch.tensor(20.0, requires_grad=True)
    loss.scale = scale
    value = loss.compute_loss_from_embeddings([image, text], None)
    (by_scale,) = torch.autograd.grad(value, scale)
    want, our_gradient = (of(image, text, math.log(20.0))[2] for of in (truth, ours))
    return [
        ("d loss / d scale", f"{want:.4g}", f"{20 * by_scale.item():.4g}", f"{our_gradient:.4g}")
    ]


def zero_row() -> Lines:
    """open_clip ClipLoss, a text that is missing (zero)"""
    image, text = pairs(8)
    raw = text.detach().clone()
    raw[3] = 0
    raw.requires_grad_()
    unit = normalize(raw, dim=-1)
    norm = torch.autograd.grad(
        open_clip_loss().ClipLoss()(image, unit, 20.0), raw, retain_graph=True
    )[0].norm()
    try:
        gcl_loss(image, unit, log_scale=math.log(20.0), objective=CLIP)
        said = "accepted"
    except InputError:
        said = "error"
    there = torch.arange(8) != 3
    masked = gcl_loss(
        image, unit, log_scale=math.log(20.0), objective=CLIP, present={"text": there}
    )
    row = torch.autograd.grad(masked, raw)[0][3].norm()
    return [
        ("|gradient|", "error", f"{norm:.2g}", said),
        ("the same, masked", "0", "-", f"{row:.2g}"),
    ]


def processes() -> Lines:
    """open_clip ClipLoss, defaults, 4 processes"""
    open_clip_loss()
    with TemporaryDirectory() as folder:
        torch.multiprocessing.spawn(_process, args=(folder,), nprocs=WORLD)
        whole, peer, our_norm = torch.load(Path(folder) / "norms")
    return [("|gradient|", f"{whole:.4g}", f"{peer:.4g}", f"{our_norm:.4g}")]


def _process(rank: int, folder: str) -> None:
    torch.set_num_threads(1)
    dist.init_process_group("gloo", f"file://{folder}/meet", rank=rank, world_size=WORLD)
    image, text = pairs(8)
    mine = slice(2 * rank, 2 * rank + 2)
    peer = open_clip_loss().ClipLoss(rank=rank, world_size=WORLD)
    scale = math.log(20.0)
    losses: dict[str, Any] = {
        "peer": lambda x: peer(x[mine], text[mine], math.exp(scale)),
        "ours": lambda x: gcl_loss(
            x[mine], text[mine], log_scale=scale, objective=CLIP, group=dist.group.WORLD
        ),
    }
    norms = [gradient(partial(gcl_loss, text=text, log_scale=scale, objective=CLIP), image).norm()]
    for loss in losses.values():
        of_weights = gradient(loss, image)
        dist.all_reduce(of_weights)  # what DDP does with the gradients of shared weights
        norms.append((of_weights / WORLD).norm())
    if rank == 0:
        torch.save([float(norm) for norm in norms], Path(folder) / "norms")
    dist.destroy_process_group()


def gradient(loss: Any, image: torch.Tensor) -> torch.Tensor:
    """The gradient by a weight (D,) that multiplies every row."""
    weight = torch.ones(image.shape[1], requires_grad=True)
    (by_weight,) = torch.autograd.grad(loss(normalize(image.detach() * weight, dim=-1)), weight)
    return by_weight


def recall() -> Lines:
    """torchmetrics recall@5, all scores negative"""
    metrics = import_module("torchmetrics.functional.retrieval")
    rng = np.random.default_rng(0)
    scores = -rng.uniform(0.1, 1.0, (200, 50))
    relevant = rng.uniform(size=(200, 50)) < 0.04
    relevant[:, 7] = True
    best = np.argsort(-scores, axis=1)[:, :5]
    exact = np.mean(np.take_along_axis(relevant, best, axis=1).sum(1) / relevant.sum(1))
    peer = [
        metrics.retrieval_recall(torch.tensor(s), torch.tensor(r), top_k=5)
        for s, r in zip(scores, relevant, strict=True)
    ]
    our_recall = rank(scores, relevant).recall(5).expected
    return [("recall@5", f"{exact:.4f}", f"{np.mean(peer):.4f}", f"{np.mean(our_recall):.4f}")]


def start() -> Lines:
    """sentence-transformers, import"""
    import_module("sentence_transformers")
    peer, our_seconds = (
        seconds(f"import {name}") for name in ("sentence_transformers", "gcl_spec")
    )
    return [("seconds", "-", f"{peer:.2f}", f"{our_seconds:.2f}")]


def seconds(statement: str) -> float:
    begun = time.monotonic()
    subprocess.run([sys.executable, "-c", statement], check=True)
    return time.monotonic() - begun


def pairs(count: int) -> tuple[torch.Tensor, torch.Tensor]:
    torch.manual_seed(0)
    image, text = normalize(torch.randn(2, count, 16), dim=-1)
    return image.requires_grad_(), text.requires_grad_()


if __name__ == "__main__":
    main()
