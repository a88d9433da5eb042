"""Gradient caching: a contrastive batch of any size in the memory of one microbatch.

The gradient of a batch loss by an encoder's parameters is a sum over samples once the gradient by
the embeddings is known (GradCache: Gao et al. 2021, arXiv 2101.06983, section 3). So the batch is
encoded without graph, the loss gives the gradient by every embedding, and each microbatch is then
encoded once more, with graph, to take its rows of that gradient further.
"""

from collections.abc import Callable, Iterable
from contextlib import nullcontext
from dataclasses import dataclass
from operator import index
from typing import Any

import torch

from gcl_spec.errors import InputError, InputTypeError, TrainingError
from gcl_torch.cached.parts import (
    Parts,
    arguments,
    check_alike,
    count_rows,
    has_rows,
    join,
    parts_of,
    rows,
    tensors,
)
from gcl_torch.cached.replay import Buffers, RandomState, Surroundings, leaves_of, modules_of

__all__ = ["cached_step"]

# Differing dropout or augmentation between the passes moves embeddings by a far larger share than
# this, and 16-bit kernels by a smaller one.
_REPLAY_TOLERANCE = 0.05

_NO_GRADIENT = "loss has no gradient: it depends on no embedding and no parameter that takes one"


def cached_step(
    encode: Callable[[Any], Any],
    inputs: Any,
    loss: Callable[..., torch.Tensor],
    *,
    microbatch: int,
    modules: Iterable[torch.nn.Module] = (),
) -> torch.Tensor:
    """Compute loss and gradients of a whole batch in the memory of one microbatch's graph.

    It is GradCache (Gao et al. 2021, arXiv 2101.06983). It equals `loss(encode(inputs)).backward()`
    up to rounding, where `encode` treats samples one by one, and costs one further forward pass.
    With `microbatch` >= the batch size it is that plain step. Gradients are added to `.grad` of
    every parameter that `encode` or `loss` uses.

    - Random numbers of torch's default generators are replayed in the second pass, so dropout
      masks are equal; the generators end as after one pass.
    - Buffers change once, as in one pass over the microbatches. BatchNorm in train mode takes its
      statistics from a microbatch, so with it the step equals one over separate microbatches.
      SyncBatchNorm exchanges them in every call of `encode`, so all processes must have the same
      number of microbatches: with others they wait for each other for ever.
    - Call it inside the autocast region, which holds for both passes and the loss; gradients are
      computed outside of it. With a `GradScaler` let `loss` return `scaler.scale(...)`.
    - DDP exchanges gradients in the last microbatch only (`no_sync` before), and not at all inside
      the caller's own `no_sync`. The loss is this process's: gather embeddings in it for more.
      Processes may have different numbers of microbatches; where one has several, all take two
      passes, so that they communicate in the same order.
    - One value is read from the device at the end, to see that both passes agreed.

    Args:
        encode: `encode(slice of inputs)` returns a tensor, or a tuple or mapping of tensors, each
            with the sample axis first, (b, ...). Integer tensors (ids, flags) go on to the loss
            without gradient. A 0-d tensor (a learned scale) or a number must be the same in all
            microbatches.
        inputs: a tensor, or nested mappings, lists and tuples of tensors, each (B, ...). Numbers
            and 0-d tensors are handed on whole. Mappings arrive as dicts.
        loss: `loss(*embeddings)`, or `loss(**embeddings)` where `encode` returns a mapping, on all
            B rows; returns a 0-d tensor. It may use further parameters.
        microbatch: samples to encode at a time; the last microbatch may have fewer.
        modules: modules that `encode` uses and that cannot be found from it. It is searched if it
            is a module, a bound method, a partial, a closure or a function of global modules.

    Returns:
        The loss, detached, 0-d.

    Raises:
        InputError: microbatch < 1; inputs whose batch sizes differ; outputs that have not one row a
            sample, or differ between microbatches in more than that; a loss that is not 0-d or has
            no gradient, because the encoder is frozen and the loss has no parameter.
        InputTypeError: microbatch or an output is of the wrong type.
        TrainingError: the second pass gave other embeddings than the first; `.grad` is then wrong.

    >>> from functools import partial
    >>> from gcl_spec.loss import gcl_loss
    >>> tower = torch.nn.Linear(4, 4, bias=False)
    >>> _ = torch.nn.init.eye_(tower.weight)
    >>> log_scale = torch.nn.Parameter(torch.tensor(0.0))
    >>> def encode(batch):
    ...     return {name: tower(x) for name, x in batch.items()}
    >>> batch = {"image": torch.eye(4), "text": torch.eye(4)}
    >>> loss = cached_step(encode, batch, partial(gcl_loss, log_scale=log_scale), microbatch=3)
    >>> round(loss.item(), 4), tuple(tower.weight.grad.shape), log_scale.grad is not None
    (1.6698, (4, 4), True)
    """
    size = count_rows(inputs)
    bounds = _bounds(size, microbatch)
    around = Surroundings(modules_of(encode, modules), (x for _, x in tensors(inputs)))
    encoder = _Encoder(encode, inputs, size, around)
    if not around.in_any_process(len(bounds) > 1):
        return _loss_backward(loss, encoder(0, size), around)[0]
    around.sync_buffers()
    buffers = Buffers(around.modules)
    states, whole = _first_pass(encoder, bounds)
    value, leaves = _loss_backward(loss, whole, around)
    used = around.ddp_parameters_in(leaves)
    embeddings = {id(x) for x in whole.values()}
    trained = any(id(x) not in embeddings for x in leaves)
    after = RandomState(around.devices)
    # Buffers take the same path a second time, from the same start and in the same order.
    buffers.restore()
    drift = []
    try:
        for state, (start, stop) in zip(states, bounds, strict=True):
            state.restore()
            moved, reached = _second_pass(encoder, whole, start, stop, used)
            drift.append(moved)
            trained = trained or reached
    finally:
        after.restore()
    _check_replay(drift)
    if not trained:
        raise InputError(_NO_GRADIENT)
    return value


@dataclass(frozen=True)
class _Encoder:
    encode: Callable[[Any], Any]
    inputs: Any
    size: int
    around: Surroundings

    def __call__(self, start: int, stop: int, *, graph: bool = True) -> Parts:
        with torch.set_grad_enabled(graph):
            return parts_of(self.encode(rows(self.inputs, start, stop)), stop - start)


def _bounds(size: int, microbatch: int) -> list[tuple[int, int]]:
    try:
        step = index(microbatch)
    except TypeError as error:
        raise InputTypeError(f"microbatch is {microbatch!r}; wanted a whole number") from error
    if step < 1:
        raise InputError(f"microbatch is {step}; wanted at least 1 sample")
    return [(start, min(start + step, size)) for start in range(0, size, step)]


def _first_pass(
    encoder: _Encoder, bounds: list[tuple[int, int]]
) -> tuple[list[RandomState], Parts]:
    """The random states by microbatch, and all embeddings as leaves that take a gradient."""
    states, pieces = [], []
    for start, stop in bounds:
        states.append(RandomState(encoder.around.devices))
        pieces.append(encoder(start, stop, graph=False))
    # Weights that autocast rounded in no_grad have no graph, and releases without
    # github.com/pytorch/pytorch/pull/165068 would hand them to the second pass.
    torch.clear_autocast_cache()
    return states, {name: _leaf(x) for name, x in join(pieces).items()}


def _leaf(x: Any) -> Any:
    if not isinstance(x, torch.Tensor):
        return x
    # It is detached, because a 0-d output may be a parameter, whose gradient the second pass takes.
    return x.detach().requires_grad_(x.is_floating_point() or x.is_complex())


def _loss_backward(
    loss: Callable[..., torch.Tensor], embeddings: Parts, around: Surroundings
) -> tuple[torch.Tensor, list[torch.Tensor]]:
    """The loss, detached, and all tensors that took a gradient here."""
    with torch.enable_grad():
        positional, keywords = arguments(embeddings)
        value = _checked(loss(*positional, **keywords))
    leaves = list(leaves_of(value))
    with around.no_autocast():
        value.backward()  # type: ignore[no-untyped-call]
    return value.detach(), leaves


def _checked(value: Any) -> torch.Tensor:
    if not isinstance(value, torch.Tensor):
        raise InputTypeError(f"loss returned a {type(value).__name__}; wanted a 0-d tensor")
    if value.ndim != 0:
        raise InputError(
            f"loss returned shape {tuple(value.shape)}; wanted a scalar, (): take its mean or sum"
        )
    if not value.requires_grad:
        raise InputError(_NO_GRADIENT)
    return value


def _second_pass(
    encoder: _Encoder, whole: Parts, start: int, stop: int, used: list[torch.Tensor]
) -> tuple[torch.Tensor, bool]:
    """Take the gradient back through one microbatch.

    Returns:
        The squared sizes of drift and embeddings, (2,), and whether backward reached anything.
    """
    last = stop == encoder.size
    with nullcontext() if last else encoder.around.no_sync():
        parts = encoder(start, stop)
        check_alike(parts, whole)
        drift = _drift(parts, whole, start, stop)
        roots, gradients = [], []
        for name, x in parts.items():
            gradient = whole[name].grad if isinstance(x, torch.Tensor) else None
            # A value without a sample axis is one value, so one microbatch takes its gradient.
            if gradient is not None and x.requires_grad and (has_rows(x) or last):
                roots.append(x)
                gradients.append(gradient[start:stop] if has_rows(x) else gradient)
        reached = bool(roots)
        if last:
            # DDP reduces a parameter once a gradient arrives in this pass; the gradients of those
            # that the loss uses came before it, so zeros are sent through them.
            roots += used
            gradients += [torch.zeros_like(x) for x in used]
        if roots:
            with encoder.around.no_autocast():
                torch.autograd.backward(roots, gradients)
    return drift, reached


@torch.no_grad()
def _drift(parts: Parts, whole: Parts, start: int, stop: int) -> torch.Tensor:
    sums = []
    for name, x in parts.items():
        if not has_rows(x) or not whole[name].requires_grad:
            continue
        wide = torch.promote_types(x.dtype, torch.float32)
        first, second = whole[name][start:stop].to(wide), x.to(wide)
        squares = [(second - first).abs().square().sum(), first.abs().square().sum()]
        sums.append(torch.stack(squares))
    return torch.stack([x.to(sums[0].device) for x in sums]).sum(0) if sums else torch.zeros(2)


def _check_replay(drift: list[torch.Tensor]) -> None:
    moved, size = torch.stack(drift).sum(0).tolist()
    if moved > _REPLAY_TOLERANCE**2 * size:
        raise TrainingError(
            "the second pass gave other embeddings than the first, so the gradients are wrong: "
            "encode must depend on its inputs, parameters, buffers and torch's default generators "
            "only, not on random, numpy.random, generators of its own or other state"
        )
