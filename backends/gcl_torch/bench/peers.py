"""Losses of other libraries on the same embeddings, each imported when it is measured.

None of them fuses, so the fused rows are made here as `gcl_spec.loss` makes them, and where a loss
takes one list of rows it gets image, text and fused rows stacked.
"""

from collections.abc import Callable, Mapping
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec, module_from_spec, spec_from_file_location
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import torch
from array_api_compat import torch as torch_namespace

from gcl_spec.backend import Step
from gcl_spec.normalize import l2_normalize
from gcl_spec.objective import Objective

__all__ = ["PEERS", "Peer", "by_hand", "open_clip_loss"]

_CHUNK = 256


class Peer(NamedTuple):
    """A loss of another distribution."""

    distribution: str
    what: str
    computes: str
    """The name of the preset whose value it gives."""
    prepare: Callable[[torch.Tensor, torch.Tensor, torch.Tensor], Step]
    """Makes a step of the leaves image (B, D), text (B, D), log_scale ()."""

    def about(self) -> str:
        """Its name, its version and its loss."""
        return f"{self.distribution} {_version(self.distribution) or '-'}, {self.what}"

    def missing(self) -> str:
        """The reason why it cannot be measured here; "" where it can."""
        return "" if _version(self.distribution) else f"{self.distribution} is not installed"


def _version(distribution: str) -> str:
    try:
        return version(distribution)
    except PackageNotFoundError:
        return ""


def _step(loss: Callable[[], torch.Tensor], leaves: tuple[torch.Tensor, ...]) -> Step:
    def step() -> tuple[torch.Tensor, ...]:
        value = loss()
        return value.detach(), *torch.autograd.grad(value, leaves)

    return step


def _stack(image: torch.Tensor, text: torch.Tensor) -> torch.Tensor:
    fused = l2_normalize(image + text, xp=torch_namespace)
    return torch.cat([image, text, fused])


def by_hand(
    image: torch.Tensor, text: torch.Tensor, *, log_scale: torch.Tensor, objective: Objective
) -> torch.Tensor:
    """GCL as one would write it into a training script: every logit at once, then autograd.

    Args:
        image, text: unit rows, (B, D).
        log_scale: ln(1 / temperature), shape ().
        objective: must be GCL.

    Returns:
        Shape ().
    """
    rows = _stack(image, text)
    logits = torch.exp(log_scale) * rows @ rows.T
    own = torch.eye(len(rows), dtype=torch.bool, device=rows.device)
    log_p = torch.log_softmax(logits.masked_fill(own, -torch.inf), dim=1)
    # The diagonals of the blocks (queries' modality, documents' modality) are the positives.
    blocks = log_p.view(3, len(image), 3, len(image)).permute(0, 2, 1, 3)
    across = ~torch.eye(3, dtype=torch.bool, device=rows.device)
    return -blocks[across].diagonal(dim1=1, dim2=2).mean()


def _supcon(image: torch.Tensor, text: torch.Tensor, log_scale: torch.Tensor) -> Step:
    loss = import_module("pytorch_metric_learning.losses").SupConLoss()
    labels = torch.arange(len(image), device=image.device).repeat(3)

    def value() -> torch.Tensor:
        loss.temperature = torch.exp(-log_scale)
        loss_value: torch.Tensor = loss(_stack(image, text), labels)
        return loss_value

    return _step(value, (image, text, log_scale))


# With rows image, text, fused as queries and text, fused, image as documents, the two directions
# are the six of GCL and each pool is all rows, the query's own among them.
def _ranking(name: str, **options: Any) -> Any:
    losses = import_module("sentence_transformers.sentence_transformer.losses")
    util = import_module("sentence_transformers.util")
    model = torch.nn.Sequential(torch.nn.Identity())
    return getattr(losses, name)(
        model,
        similarity_fct=util.dot_score,
        directions=("query_to_doc", "doc_to_query"),
        partition_mode="per_direction",
        **options,
    )


def _mnrl(image: torch.Tensor, text: torch.Tensor, log_scale: torch.Tensor) -> Step:
    loss = _ranking("MultipleNegativesRankingLoss")

    def value() -> torch.Tensor:
        rows = _stack(image, text)
        loss.scale = torch.exp(log_scale)
        documents = torch.roll(rows, -len(image), dims=0)
        loss_value: torch.Tensor = loss.compute_loss_from_embeddings([rows, documents], None)
        return loss_value

    return _step(value, (image, text, log_scale))


def _cached_mnrl(image: torch.Tensor, text: torch.Tensor, log_scale: torch.Tensor) -> Step:
    loss = _ranking("CachedMultipleNegativesRankingLoss", mini_batch_size=_CHUNK)

    def step() -> tuple[torch.Tensor, ...]:
        # The loss's own forward pass does so: it takes the gradients by the embeddings in chunks,
        # and backward goes on from these.
        rows = _stack(image, text)
        queries = rows.detach().requires_grad_()
        documents = torch.roll(rows.detach(), -len(image), dims=0).requires_grad_()
        scale = torch.exp(log_scale.detach()).requires_grad_()
        loss.scale = scale
        value = loss.calculate_loss([[queries], [documents]], with_backward=True)
        dqueries, ddocuments, dscale = (
            torch.zeros_like(leaf) if leaf.grad is None else leaf.grad
            for leaf in (queries, documents, scale)
        )
        back = dqueries + torch.roll(ddocuments, len(image), dims=0)
        dimage, dtext = torch.autograd.grad(rows, (image, text), back)
        return value, dimage, dtext, dscale * scale.detach()

    return step


def _clip(image: torch.Tensor, text: torch.Tensor, log_scale: torch.Tensor) -> Step:
    loss = open_clip_loss().ClipLoss()

    def value() -> torch.Tensor:
        loss_value: torch.Tensor = loss(image, text, torch.exp(log_scale))
        return loss_value

    return _step(value, (image, text, log_scale))


def open_clip_loss() -> Any:
    """open_clip's module of losses, without its package, whose import wants a torchvision.

    Raises:
        ImportError: open_clip is not installed.
    """
    package = find_spec("open_clip")
    if package is None or package.origin is None:
        raise ImportError("no open_clip", name="open_clip")
    spec = spec_from_file_location("open_clip_loss", Path(package.origin).with_name("loss.py"))
    if spec is None or spec.loader is None:
        raise ImportError("open_clip has no loss.py", name="open_clip.loss")
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


PEERS: Mapping[str, Peer] = MappingProxyType(
    {
        "pml-supcon": Peer(
            "pytorch-metric-learning", "SupConLoss on the stacked rows", "gcl", _supcon
        ),
        "sbert-mnrl": Peer(
            "sentence-transformers",
            "MultipleNegativesRankingLoss, rows against rows shifted by a modality",
            "gcl-keep-self",
            _mnrl,
        ),
        "sbert-mnrl-cached": Peer(
            "sentence-transformers",
            f"CachedMultipleNegativesRankingLoss, the same in chunks of {_CHUNK} rows",
            "gcl-keep-self",
            _cached_mnrl,
        ),
        "open-clip": Peer(
            "open_clip_torch", "ClipLoss: two directions, no fused rows", "clip", _clip
        ),
    }
)
