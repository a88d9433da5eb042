"""The tiled kernel for PyTorch: `gcl_spec.loss.tiled.loop` as an autograd function."""

from dataclasses import dataclass, replace
from functools import cache, partial
from typing import Any, Literal

import torch
from array_api_compat import torch as xp

from gcl_spec.errors import InputError
from gcl_spec.loss.kernel import Processes
from gcl_spec.loss.problem import Blocks, Problem, mixed, or_nan
from gcl_spec.loss.tiled.loop import Tiles
from gcl_spec.loss.tiled.scales import Scales, scales_of
from gcl_spec.loss.tiled.shared_shift import shared_shift
from gcl_spec.loss.tiled.tile_logits import LN2
from gcl_spec.loss.tiled.tile_softmax import backward_tile, forward_tile
from gcl_spec.normalize import inverse_norm
from gcl_torch.loss.autograd import NO_FORWARD_MODE, Pass, TiledSums
from gcl_torch.loss.one_pass import OnePassTiles
from gcl_torch.loss.outside_graphs import outside_graphs
from gcl_torch.loss.stacked_tiles import StackedTiles
from gcl_torch.loss.whole_blocks import whole_blocks

__all__ = ["CACHE_BYTES", "GramKernel", "Operands", "add_product", "shift_on_host", "tile_of"]

CACHE_BYTES = 3 * 2**23
"""The default memory for products; it saves some thousand samples a few percent of the time."""

_PLAIN_BELOW = 64
"""The number of samples under which whole blocks are as fast as tiles (benchmarks/README.md)."""

_TILE = {"cpu": 320, "cuda": 4096}
"""The samples of a tile by kind of device; other kinds may lack float64, which its sums need."""

Operands = Literal["bfloat16"]


def tile_of(tile: int | None, samples: int, device: str) -> int | None:
    """The samples of a tile on a kind of device, `tile` where it is given; None for whole blocks.

    >>> tile_of(None, 4096, "cpu"), tile_of(None, 50, "cpu"), tile_of(64, 4096, "mps")
    (320, None, None)
    """
    if device not in _TILE or (tile is None and samples < _PLAIN_BELOW):
        return None
    return tile or _TILE[device]


def _on_host(device: torch.device) -> bool:
    """Whether values can be read without waiting for a device."""
    return device.type == "cpu"


@dataclass(frozen=True)
class GramKernel:
    """PyTorch's `gcl_spec.loss.kernel.FrameworkKernel`, with memory O(B D).

    Args:
        tile: the samples of a tile; None: the measured best, and whole blocks for small batches. On
            devices other than a CPU or CUDA (MPS has no float64) blocks are always whole.
        cache_bytes: the memory for products of tiles that backward need not compute again.
        processes: the processes that hold the same rows and share the work.
        operands: "bfloat16" rounds the factors of every product to 16 bits; sums and exponentials
            stay in 32. Logits are never rounded: that would cost half the gradient of a trained
            model.
    """

    tile: int | None = None
    cache_bytes: int = CACHE_BYTES
    processes: Processes | None = None
    operands: Operands | None = None

    def takes(self, x: object, /) -> bool:
        """Whether `x` is a tensor."""
        return isinstance(x, torch.Tensor)

    def readable(self, x: torch.Tensor, /) -> torch.Tensor | None:
        """The tensor, of the same shape, without its gradient; None where it is not on a CPU.

        No value can be read in compiled code, nor of a tensor that a transform of torch.func wraps.
        """
        if torch.compiler.is_compiling() or not _on_host(x.device):
            return None
        # PyTorch (2.13) has no public name for this question.
        wrapped: bool = torch._C._functorch.is_functorch_wrapped_tensor(x)
        return None if wrapped else x.detach()

    def constant(self, x: torch.Tensor, /) -> torch.Tensor:
        """The tensor, of the same shape, without its gradient."""
        return x.detach()

    def serves(self, problem: Problem, /) -> bool:
        """Whether the problem may have several scales, or a sigmoid: it always may."""
        return True

    def __call__(self, problem: Problem, scale: torch.Tensor | float, /, *, xp: Any = xp) -> Blocks:
        """The blocks, (K, B) each, as `gcl_spec.loss.kernel.Kernel` wants them."""
        samples, device = problem.rows[0].shape[0], problem.rows[0].device.type
        if tile_of(self.tile, samples, device) is None:
            whole: Blocks = whole_blocks(problem, scale)
            return whole
        blocks: Blocks = self._tiled(problem, scale)
        return blocks

    # It loops over tiles and chooses by values, so torch.compile cannot trace it.
    @outside_graphs
    def _tiled(self, problem: Problem, scale: torch.Tensor | float) -> Blocks:
        """The blocks, (K, B) each, computed tile by tile."""
        if not isinstance(scale, torch.Tensor):
            scale = torch.tensor(scale, dtype=problem.rows[0].dtype, device=problem.rows[0].device)
        problem = or_nan(mixed(problem, xp, _inverse_norm), xp)
        lift = problem.lift.detach() if isinstance(problem.lift, torch.Tensor) else None
        arrays = (problem.mix, problem.damp, problem.present, problem.ids, lift, problem.shift)
        arrays = (*arrays, *problem.rows)
        keeps = replace(self, cache_bytes=self.cache_bytes if torch.is_grad_enabled() else 0)
        differentiated = any(x.requires_grad for x in (scale, *arrays) if x is not None)
        make_tiles = partial(keeps.tiles, ahead=torch.is_grad_enabled() and differentiated)
        outputs = TiledSums.apply(Pass(problem, make_tiles), scale, *arrays)  # type: ignore[no-untyped-call]
        return Blocks(*outputs[:3])

    def tiles(self, problem: Problem, scale: torch.Tensor, *, ahead: bool = False) -> Tiles:
        """The tiles of a problem, which do the work of both passes.

        Args:
            problem: the rows, (B, D) each, with what belongs to them.
            scale: 1 / temperature, shape (), or one for each place, (S,).
            ahead: whether a second pass will follow, so that the first may have its results.
        """
        like = problem.rows[0]
        on_host = _on_host(like.device)
        if not on_host:
            scale = scale.to(like.dtype)
        largest, scales = scales_of(problem, scale, xp, on_host=on_host)
        scale2: Any = largest / LN2
        tile = tile_of(self.tile, like.shape[0], like.device.type) or like.shape[0]
        options: dict[str, Any] = {} if on_host else {**_compiled(), "own_step": tile}
        if self.operands == "bfloat16":
            options |= {"multiply": _multiply_16, "add_product": _add_product_16}
            options["scale_first"] = False  # scaled rows of 16 bits would be rounded again
        else:
            options["add_product"] = add_product
        # On other devices a choice by values would wait for them, and one more exp is cheap there.
        shift = shift_on_host(problem, scale2, scales, self.processes) if on_host else None
        stacked = on_host and self.operands is None and StackedTiles.serve(problem, shift)
        kind: type[Tiles] = StackedTiles if stacked else Tiles
        if stacked and ahead and OnePassTiles.serve(problem, shift):
            kind = OnePassTiles
        return kind(
            problem,
            scale2,
            tile,
            shift,
            xp,
            self.cache_bytes,
            processes=self.processes,
            scales=scales,
            **options,
        )


def shift_on_host(
    problem: Problem,
    scale2: float,
    scales: Scales,
    processes: Processes | None,
    samples: int | None = None,
) -> float | None:
    """The shift of all exponents, the same on all processes; None where each row needs a maximum.

    Args:
        problem: the rows, (B, D) each, on a CPU.
        scale2: the largest scale / ln 2.
        scales: the scales of all places, as parts of the largest.
        processes: the processes that share the work on the batch, if any.
        samples: the samples of the batch, where each process has rows of its own; None: every
            process has the rows of all.
    """
    apart = None if samples is None else processes
    candidate = shared_shift(problem, scale2, xp, scales, samples=samples, processes=apart)
    choice = torch.stack([candidate.shift, (~candidate.fits).to(candidate.shift.dtype)])
    if processes is not None:
        # All processes must take the same path, also where rounding differs between machines.
        choice = processes.max(choice)
    shift, overflows = choice.tolist()
    return None if overflows else shift


class _InverseNorm(torch.autograd.Function):
    """1 / |a + b|, as `gcl_spec.normalize.inverse_norm`, which keeps only its inputs for backward.

    With w = 1 / |a + b| the derivative by a, and by b, is -w^3 (a + b).
    """

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
        # In this order no step overflows where the gradient does not.
        by_size = -(gradients[0] * inverse) * inverse
        by_sum = (a * inverse[:, None] + b * inverse[:, None]) * by_size[:, None]
        return by_sum, by_sum

    @staticmethod
    def jvp(ctx: Any, *tangents: Any) -> None:
        raise InputError(NO_FORWARD_MODE)


def _inverse_norm(a: torch.Tensor, b: torch.Tensor, xp: Any) -> torch.Tensor:
    """1 / |a + b|, (B,), of rows (B, D) each."""
    inverse: torch.Tensor = _InverseNorm.apply(a, b)  # type: ignore[no-untyped-call]
    return inverse


def add_product(out: torch.Tensor, x: torch.Tensor, y: torch.Tensor) -> None:
    """Add x @ y to `out` in place.

    Args:
        out: the sum, (N, M).
        x: the first factor, (N, K).
        y: the second, (K, M).
    """
    out.addmm_(x, y)


def _multiply_16(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """x @ y with factors rounded to bfloat16 and sums in float32."""
    x, y = x.bfloat16(), y.bfloat16()
    if x.device.type == "cuda":
        return torch.mm(x, y, out_dtype=torch.float32)
    return x.float() @ y.float()


def _add_product_16(out: torch.Tensor, x: torch.Tensor, y: torch.Tensor) -> None:
    """Add x @ y to `out` in place, with factors rounded to bfloat16."""
    out += _multiply_16(x, y)


@cache
def _compiled() -> dict[str, Any]:
    """The functions of a tile as fused kernels: on a GPU each step would be a trip to memory."""
    return {
        "forward_tile": torch.compile(forward_tile, fullgraph=True),
        "backward_tile": torch.compile(backward_tile, fullgraph=True),
    }
