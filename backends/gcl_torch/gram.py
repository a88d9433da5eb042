"""The tiled kernel for PyTorch: `gcl_spec.tiles` as an autograd function."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, Literal

import torch
from array_api_compat import torch as xp

from gcl_spec.blocks import (
    Blocks,
    Problem,
    inverse_norm,
    mixed,
    plain_blocks,
    without_arrays,
)
from gcl_spec.errors import InputError
from gcl_spec.exponents import shared_shift
from gcl_spec.gram import LN2
from gcl_spec.row_sums import RowSums, blocks_of, weights_of
from gcl_spec.softmax_tiles import Own, backward_tile, forward_tile
from gcl_spec.tiles import Processes, Tiles

__all__ = ["CACHE_BYTES", "GramKernel", "Operands", "tile_of"]

CACHE_BYTES = 2**25
"""Memory that saves a few percent of the time for batches of some thousand samples."""

_PLAIN_BELOW = 128
"""Samples under which whole blocks are as fast as tiles; see benchmarks/README.md."""

_TILE = {"cpu": 256, "cuda": 4096}
"""Samples of a tile by kind of device; others may lack float64 (MPS does), which tiles sum in."""

Operands = Literal["bfloat16"]


def tile_of(tile: int | None, samples: int, device: str) -> int | None:
    """Samples of a tile on a kind of device, `tile` where it is given; None for whole blocks.

    >>> tile_of(None, 4096, "cpu"), tile_of(None, 100, "cpu"), tile_of(64, 4096, "mps")
    (256, None, None)
    """
    if device not in _TILE or (tile is None and samples < _PLAIN_BELOW):
        return None
    return tile or _TILE[device]


def _on_host(device: torch.device) -> bool:
    """May values be read without waiting for a device?"""
    return device.type == "cpu"


@dataclass(frozen=True)
class GramKernel:
    """A `gcl_spec.blocks.Kernel` with memory O(B D).

    tile: samples of a tile; None: the measured best, and whole blocks for small batches. On devices
        other than a CPU or CUDA (MPS has no float64) blocks are always whole.
    cache_bytes: memory for products of tiles that backward need not compute again.
    processes: processes that hold the same rows and share the work.
    operands: "bfloat16" rounds the factors of every product to 16 bits; sums and exponentials stay
        in 32. Logits are never rounded: that would cost half the gradient of a trained model.
    """

    tile: int | None = None
    cache_bytes: int = CACHE_BYTES
    processes: Processes | None = None
    operands: Operands | None = None

    def __call__(self, problem: Problem, scale: torch.Tensor | float, /, *, xp: Any = xp) -> Blocks:
        """See `gcl_spec.blocks.Kernel`."""
        samples, device = problem.rows[0].shape[0], problem.rows[0].device.type
        if tile_of(self.tile, samples, device) is None:
            return plain_blocks(problem, scale, xp=xp)
        blocks: Blocks = self._tiled(problem, scale)
        return blocks

    # Loops over tiles and chooses by values: it has no graph of its own.
    @torch.compiler.disable  # type: ignore[untyped-decorator]
    def _tiled(self, problem: Problem, scale: torch.Tensor | float) -> Blocks:
        if not isinstance(scale, torch.Tensor):
            scale = torch.tensor(scale, dtype=problem.rows[0].dtype, device=problem.rows[0].device)
        problem = mixed(problem, xp, _inverse_norm)
        others, own, mean, _ = _RowSums.apply(  # type: ignore[no-untyped-call]
            _Pass(problem, self),
            scale,
            problem.mix,
            problem.damp,
            problem.present,
            problem.ids,
            *problem.rows,
        )
        return Blocks(others, own, mean)


class _Pass:
    """What forward hands to backward besides tensors: static options and, once, its tiles."""

    def __init__(self, problem: Problem, kernel: GramKernel) -> None:
        self.static, self.kernel = without_arrays(problem), kernel
        self.tiles: Tiles | None = None

    def problem(
        self,
        mix: torch.Tensor | None,
        damp: torch.Tensor | None,
        present: torch.Tensor | None,
        ids: torch.Tensor | None,
        rows: Sequence[torch.Tensor],
    ) -> Problem:
        rows = tuple(rows)
        return replace(self.static, rows=rows, mix=mix, damp=damp, present=present, ids=ids)

    def make_tiles(self, problem: Problem, scale: torch.Tensor) -> Tiles:
        like = problem.rows[0]
        on_host = _on_host(like.device)
        scale2: Any = float(scale) / LN2 if on_host else scale.to(like.dtype) / LN2
        options: dict[str, Any] = {} if on_host else _compiled()
        if self.kernel.operands == "bfloat16":
            options |= {"multiply": _multiply_16, "add_product": _add_product_16}
            options["scale_first"] = False  # scaled rows of 16 bits would be rounded again
        else:
            options["add_product"] = _add_product
        return Tiles(
            problem,
            scale2,
            tile_of(self.kernel.tile, like.shape[0], like.device.type) or like.shape[0],
            # Elsewhere a choice by values would wait for the device; there an exp more is cheap.
            self._shift(problem, scale2) if on_host else None,
            xp,
            self.kernel.cache_bytes,
            processes=self.kernel.processes,
            **options,
        )

    def _shift(self, problem: Problem, scale2: float) -> float | None:
        found = shared_shift(problem, scale2, xp)
        choice = torch.stack([found.shift, (~found.fits).to(found.shift.dtype)])
        if self.kernel.processes is not None:
            # All must take the same path, also where rounding differs between machines.
            choice = self.kernel.processes.max(choice)
        shift, overflows = choice.tolist()
        return None if overflows else shift


class _RowSums(torch.autograd.Function):
    """Log-sums of all rows: others, own, mean, and the number of positives."""

    @staticmethod
    def forward(
        options: _Pass,
        scale: torch.Tensor,
        mix: torch.Tensor | None,
        damp: torch.Tensor | None,
        present: torch.Tensor | None,
        ids: torch.Tensor | None,
        *rows: torch.Tensor,
    ) -> tuple[torch.Tensor, ...]:
        with torch.no_grad(), torch.autocast(scale.device.type, enabled=False):
            problem = options.problem(mix, damp, present, ids, rows)
            options.tiles = options.make_tiles(problem, scale)
            sums = options.tiles.sums()
            return (*blocks_of(sums, xp)[:3], sums.own.count)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[torch.Tensor, ...]) -> None:
        options, *tensors = inputs
        ctx.options = options
        ctx.mark_non_differentiable(output[3])
        ctx.save_for_backward(*tensors, *output)

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[Any, ...]:
        scale, mix, damp, present, ids, *rows = ctx.saved_tensors[:-4]
        others, own, mean, count = ctx.saved_tensors[-4:]
        tiles = ctx.options.tiles
        if tiles is None:  # a second backward through a retained graph
            problem = ctx.options.problem(mix, damp, present, ids, rows)
            tiles = ctx.options.make_tiles(problem, scale)
        ctx.options.tiles = None
        tiles.by_damp = ctx.needs_input_grad[3]
        sums = RowSums(others / LN2, Own(own / LN2, mean * count / LN2, count))
        with torch.no_grad(), torch.autocast(scale.device.type, enabled=False):
            one = not tiles.layout.positives
            weights = weights_of(Blocks(*gradients[:3]), sums, tiles.shift, one, rows[0].dtype, xp)
            found = tiles.gradients(weights)
            by_scale = (found.log_scale / scale).to(scale.dtype)
        results = (by_scale, found.mix, found.damp, None, None, *found.rows)
        return (None, *(None if x is None else _once(x, gradients) for x in results))

    @staticmethod
    def vmap(
        info: Any, in_dims: tuple[int | None, ...], options: _Pass, *inputs: torch.Tensor | None
    ) -> tuple[tuple[torch.Tensor, ...], int]:
        found = []
        for i in range(info.batch_size):
            one = [
                x if x is None or axis is None else x.movedim(axis, 0)[i]
                for x, axis in zip(inputs, in_dims[1:], strict=True)
            ]
            options = _Pass(options.static, options.kernel)
            found.append(_RowSums.apply(options, *one))  # type: ignore[no-untyped-call]
        return tuple(torch.stack(list(x)) for x in zip(*found, strict=True)), 0


class _InverseNorm(torch.autograd.Function):
    """`gcl_spec.blocks.inverse_norm`, which keeps only its inputs for backward."""

    generate_vmap_rule = True

    @staticmethod
    def forward(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        return inverse_norm(a, b, xp)  # type: ignore[no-any-return]

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: torch.Tensor) -> None:
        ctx.save_for_backward(*inputs, output)

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        a, b, inverse = ctx.saved_tensors
        by_sum = a + b
        by_sum *= (-gradients[0] * inverse**3)[:, None]
        return by_sum, by_sum


def _inverse_norm(a: torch.Tensor, b: torch.Tensor, xp: Any) -> torch.Tensor:
    found: torch.Tensor = _InverseNorm.apply(a, b)  # type: ignore[no-untyped-call]
    return found


class _Once(torch.autograd.Function):
    """A first derivative, which depends on `causes` but cannot be differentiated by them."""

    @staticmethod
    def forward(x: torch.Tensor, *causes: torch.Tensor) -> torch.Tensor:
        return x.view_as(x)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: torch.Tensor) -> None:
        """Nothing is kept."""

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        raise InputError(
            "the tiled loss has no second derivative; gcl_spec.loss.gcl_loss(..., "
            "kernel=gcl_spec.blocks.plain_blocks) has every one, at the memory of autograd"
        )


def _once(x: torch.Tensor, causes: Sequence[torch.Tensor | None]) -> torch.Tensor:
    given = [cause for cause in causes if cause is not None]
    guarded: torch.Tensor = _Once.apply(x, *given)  # type: ignore[no-untyped-call]
    return guarded


def _add_product(out: torch.Tensor, x: torch.Tensor, y: torch.Tensor) -> None:
    out.addmm_(x, y)


def _multiply_16(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """x @ y with factors rounded to bfloat16 and sums in float32."""
    x, y = x.bfloat16(), y.bfloat16()
    if x.device.type == "cuda":
        return torch.mm(x, y, out_dtype=torch.float32)
    return x.float() @ y.float()


def _add_product_16(out: torch.Tensor, x: torch.Tensor, y: torch.Tensor) -> None:
    out += _multiply_16(x, y)


@cache
def _compiled() -> dict[str, Any]:
    """Tiles as fused kernels: on a GPU each elementwise step would be a trip to memory."""
    return {
        "forward_tile": torch.compile(forward_tile, fullgraph=True),
        "backward_tile": torch.compile(backward_tile, fullgraph=True),
    }
