"""Finds a small case that still fails, by greedy steps."""

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np

from gcl_spec._typing import FloatArray
from gcl_spec.backend import Backend
from gcl_spec.conformance.cases.case import Case
from gcl_spec.conformance.compare import Disagreement, compare_with, expected, has_fusion
from gcl_spec.conformance.tolerances import rounded
from gcl_spec.errors import InputError

__all__ = ["fails", "shrink"]


def fails(backend: Backend, reference: Backend, case: Case, *, dtype: str, device: str) -> bool:
    """Does `backend` disagree on a case that is a valid input?"""
    fused = replace(case, z_MBD=rounded(case.z_MBD, dtype)).fused
    rows = fused.rows_MBD[fused.present]
    if not np.all(np.isfinite(rows)) or np.any(np.all(rows == 0, axis=-1)):
        return False
    if not has_fusion(case, dtype=dtype):
        return False
    try:
        want = expected(reference, case, dtype=dtype)
    except InputError:
        return False
    try:
        errors = compare_with(want, backend, case, dtype=dtype, device=device)
    except Disagreement:
        return True
    return not all(error.agrees for error in errors)


def shrink(case: Case, still: Callable[[Case], bool], *, tries: int = 80) -> Case:
    """A smaller case for which `still` holds: no masks, fewer samples, narrower, rounder numbers.

    Args:
        case: a case for which `still` holds; its modalities and objective stay.
        still: does a case still fail? A step is kept where it does.
        tries: the most steps to try, since each may be a new shape to compile.
    """
    left = tries
    steps = _steps(case)
    while left > 0 and (smaller := next(steps, None)) is not None:
        left -= 1
        if still(smaller):
            case = smaller
            steps = _steps(case)
    return replace(case, name=f"{case.name}, shrunk")


def _steps(case: Case) -> Iterator[Case]:
    """Smaller neighbours, the largest steps first."""
    _, batch, width = case.z_MBD.shape
    for size in _sizes(batch):
        for start in range(0, batch, size):
            kept = [j for j in range(batch) if not start <= j < start + size]
            if kept:
                yield _samples(case, kept)
    for size in _sizes(width):
        if width > size:
            yield replace(case, z_MBD=case.z_MBD[:, :, : width - size])
    for option in ("tile", "ids", "present", "weights", "bias"):
        if getattr(case, option) is not None:
            yield replace(case, **{option: None})  # type: ignore[arg-type]
    if not np.all(np.isfinite(case.z_MBD)):
        yield replace(case, z_MBD=np.nan_to_num(case.z_MBD))
    for digits in (0, 1, 3):
        if not np.array_equal(case.log_scale, np.round(case.log_scale, digits)):
            yield replace(case, log_scale=_like(np.round(case.log_scale, digits)))
        shorter: FloatArray = np.round(case.z_MBD, digits)
        if not np.array_equal(shorter, case.z_MBD, equal_nan=True):
            yield replace(case, z_MBD=shorter)
    if np.abs(case.log_scale).max() >= 1:
        yield replace(case, log_scale=_like(np.trunc(np.asarray(case.log_scale) / 2)))
    if np.ndim(case.log_scale):
        yield replace(case, log_scale=float(np.mean(case.log_scale)))


def _like(x: FloatArray) -> float | FloatArray:
    return float(x) if np.ndim(x) == 0 else x


def _sizes(length: int) -> Iterator[int]:
    """The numbers of samples to take away: halves first, then one."""
    size = length // 2
    while size > 0:
        yield size
        size //= 2


def _samples(case: Case, kept: list[int]) -> Case:
    return replace(
        case,
        z_MBD=case.z_MBD[:, kept],
        present=None if case.present is None else case.present[:, kept],
        ids=None if case.ids is None else case.ids[kept],
        weights=None if case.weights is None else case.weights[:, :, kept],
    )
