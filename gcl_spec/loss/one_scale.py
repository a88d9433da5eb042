"""Kernels that know one scale alone, asked once for each of several."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from gcl_spec._typing import Array, ArrayNamespace
from gcl_spec.errors import InputError
from gcl_spec.loss.kernel import FamilyKernel, Kernel
from gcl_spec.loss.plain import plain_blocks
from gcl_spec.loss.problem import Blocks, Problem

__all__ = ["ask_kernel"]


def ask_kernel(
    kernel: Kernel, problem: Problem, scale: Array | float, xp: ArrayNamespace
) -> Blocks:
    """The blocks of a problem at one scale, or at several, from any kernel.

    Args:
        kernel: the kernel; a `FamilyKernel` is asked once.
        problem: rows of shape (B, D), with the blocks that are asked for.
        scale: 1 / temperature, a number or shape (), or one for each place, (S,).
        xp: the Array API namespace of the arrays.

    Raises:
        InputError: the objective has a sigmoid, which the kernel does not know.
    """
    knows = kernel is plain_blocks
    if knows or (isinstance(kernel, FamilyKernel) and kernel.serves(problem)):
        return kernel(problem, scale, xp=xp)
    if problem.sigmoid:
        raise InputError(
            "this kernel has no sigmoid loss (it is no gcl_spec.backend.FamilyKernel); "
            "kernel=gcl_spec.loss.plain.plain_blocks has"
        )
    if not problem.places:
        return kernel(problem, scale, xp=xp)
    rows: dict[int, Any] = {}
    for place in sorted({*problem.places}):
        at = [k for k, other in enumerate(problem.places) if other == place]
        one = replace(problem, blocks=tuple(problem.blocks[k] for k in at), places=())
        blocks = kernel(_with_targets(one), scale[place], xp=xp)  # type: ignore[index]
        rows |= {k: (blocks, i) for i, k in enumerate(at)}
    return _joined([rows[k] for k in range(len(problem.blocks))], xp)


def _with_targets(problem: Problem) -> Problem:
    """The problem without the targets that are not among its blocks."""
    targets = tuple(target for target in problem.targets if target in problem.blocks)
    return replace(problem, targets=targets, bounded=problem.bounded and bool(targets))


def _joined(rows: Sequence[tuple[Blocks, int]], xp: ArrayNamespace) -> Blocks:
    """One answer that is made of single blocks, (B,), of several answers."""
    first = rows[0][0]
    rest = None
    if all(blocks.rest is not None for blocks, _ in rows):
        rest = xp.stack([blocks.rest[i, :] for blocks, i in rows])  # type: ignore[index]
    others, own, mean = (
        xp.stack([blocks[kind][i, :] for blocks, i in rows])  # type: ignore[index]
        for kind in range(3)
    )
    return Blocks(others, own, mean, first.present, rest, first.ids)
