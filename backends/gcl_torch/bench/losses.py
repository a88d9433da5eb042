"""The losses that `gcl bench loss` measures in PyTorch: ours and those of other libraries."""

from collections.abc import Callable, Mapping
from functools import partial

import torch
from array_api_compat import torch as torch_namespace

from gcl_spec._typing import FloatArray
from gcl_spec.backend import Candidate, Inputs, Memory, Prepared, Step
from gcl_spec.errors import InputError
from gcl_spec.loss.equation import gcl_loss
from gcl_spec.loss.plain import plain_blocks
from gcl_spec.loss.settings import FAMILY, Setting
from gcl_spec.objective import Objective
from gcl_torch.bench import peers
from gcl_torch.loss import functions

__all__ = ["TorchBench"]

_LARGE_CACHE = 400_000_000


class TorchBench:
    """The losses that `gcl bench` measures on one device, in one dtype: a `Bench`."""

    def __init__(self, *, device: str, dtype: str, threads: int) -> None:
        torch.set_num_threads(threads)
        self.version: str = torch.__version__
        self._device = torch.device(device)
        self._dtype: torch.dtype = getattr(torch, dtype)

    def candidates(self) -> Mapping[str, Candidate]:
        """The losses of this library, by whole blocks and by tiles, then those of the peers."""
        gram = functions.gcl_loss
        plain = partial(gcl_loss, xp=torch_namespace, kernel=plain_blocks)
        kept = partial(gram, cache_bytes=_LARGE_CACHE)
        candidates = {
            "by-hand": Candidate(
                partial(self._own, peers.by_hand), "all logits at once and autograd", "gcl"
            ),
            "plain": Candidate(partial(self._own, plain), "gcl_spec.loss.gcl_loss and autograd"),
            "gram": Candidate(partial(self._own, gram), "gcl_torch.gcl_loss(image, text)"),
            "gram-cached": Candidate(
                partial(self._own, kept),
                f"gcl_torch.gcl_loss(image, text, cache_bytes={_LARGE_CACHE})",
            ),
            "gram-given": Candidate(
                partial(self._given, gram), "gcl_torch.gcl_loss(image, text, fused)"
            ),
        }
        for name, setting in FAMILY.items():
            candidates[f"gram:{name}"] = Candidate(
                partial(self._family, setting), f"gcl_torch.gcl_loss, {setting.what}", name
            )
        for name, peer in peers.PEERS.items():
            candidates[name] = Candidate(
                partial(self._peer, peer), peer.about(), peer.computes, peer.missing()
            )
        return candidates

    def product(self, rows_ND: FloatArray, /) -> Step:
        """The unit of time: a step that computes rows @ rows^T as a new array (N, N)."""
        rows = self._tensor(rows_ND)
        return lambda: rows @ rows.T

    def wait(self, result: object, /) -> None:
        """Wait until a result is computed; only CUDA computes behind the host's back."""
        if self._device.type == "cuda":
            torch.cuda.synchronize(self._device)

    def memory(self) -> Memory | None:
        """The meter of CUDA's memory, by PyTorch's own count; None on a CPU."""
        return _CudaMemory(self._device) if self._device.type == "cuda" else None

    def _own(
        self, loss: Callable[..., torch.Tensor], inputs: Inputs, objective: Objective
    ) -> Prepared:
        image, text, scale = self._leaves(inputs.image_BD, inputs.text_BD, inputs.log_scale)

        def step() -> tuple[torch.Tensor, ...]:
            value = loss(image, text, log_scale=scale, objective=objective)
            return value.detach(), *torch.autograd.grad(value, (image, text, scale))

        return Prepared(step)

    def _given(
        self, loss: Callable[..., torch.Tensor], inputs: Inputs, objective: Objective
    ) -> Prepared:
        if "image+text" not in objective.modalities:
            raise InputError("the objective has no fused rows to be given")
        leaves = self._leaves(*inputs)
        *rows, scale = leaves

        def step() -> tuple[torch.Tensor, ...]:
            value = loss(*rows, log_scale=scale, objective=objective)
            return value.detach(), *torch.autograd.grad(value, leaves)

        return Prepared(step)

    def _family(self, setting: Setting, inputs: Inputs, objective: Objective) -> Prepared:
        values = [inputs.image_BD, inputs.text_BD, setting.log_scale(float(inputs.log_scale))]
        given = setting.bias()
        leaves = self._leaves(*values, *([] if given is None else [given]))
        image, text, scale, *more = leaves
        bias = more[0] if more else None

        def step() -> tuple[torch.Tensor, ...]:
            value = functions.gcl_loss(
                image, text, log_scale=scale, objective=setting.objective, bias=bias
            )
            return value.detach(), *torch.autograd.grad(value, leaves)

        return Prepared(step)

    def _peer(self, peer: peers.Peer, inputs: Inputs, objective: Objective) -> Prepared:
        leaves = self._leaves(inputs.image_BD, inputs.text_BD, inputs.log_scale)
        return Prepared(peer.prepare(*leaves))

    def _leaves(self, *values: FloatArray | float) -> tuple[torch.Tensor, ...]:
        return tuple(self._tensor(value).requires_grad_() for value in values)

    def _tensor(self, value: FloatArray | float) -> torch.Tensor:
        return torch.tensor(value, dtype=self._dtype, device=self._device)


class _CudaMemory:
    kind = "torch.cuda.max_memory_allocated"

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._start = 0

    def start(self) -> None:
        torch.cuda.reset_peak_memory_stats(self._device)
        self._start = torch.cuda.memory_allocated(self._device)

    def peak(self) -> int:
        return torch.cuda.max_memory_allocated(self._device) - self._start
