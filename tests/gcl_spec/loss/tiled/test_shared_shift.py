"""When one shift serves a whole batch: the figures of the docstring, and that they are safe."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from threading import Barrier
from typing import Any

import numpy as np
import pytest
import torch

from asked import asked
from gcl_spec.loss.equation import contrastive_loss
from gcl_spec.loss.plain import plain_blocks
from gcl_spec.loss.plan import make_plan
from gcl_spec.loss.problem import Problem
from gcl_spec.loss.tiled.shared_shift import shared_shift
from gcl_spec.loss.tiled.tile_logits import LN2
from gcl_spec.objective import CLIP, GCL
from gcl_torch.loss.kernel import GramKernel

SAMPLES = 4096


def fits(scale: float, cosine: float, dtype: type = np.float32) -> bool:
    """Three modalities, of which one text has this cosine with its image."""
    image = np.zeros((SAMPLES, 2), dtype)
    image[:, 0] = 1
    text = image.copy()
    text[7] = cosine, np.sqrt(1 - cosine**2)
    problem = asked(Problem((image, text, image), (0, 1, 2)), make_plan(GCL))
    return bool(shared_shift(problem, scale / LN2, np).fits)


def test_the_figures_of_the_docstring() -> None:
    assert fits(61, -1.0)
    assert not fits(63, -1.0)
    assert fits(100, -0.2)
    assert not fits(100, -0.26)
    assert fits(660, -1.0, np.float64)
    assert not fits(665, -1.0, np.float64)


def test_a_missing_row_does_not_count() -> None:
    """Its zero row says nothing of logits; else every batch with one would take the slow way."""
    image = np.eye(4, dtype=np.float32)
    text, present = image.copy(), np.ones((2, 4), bool)
    text[1], present[1, 1] = 0, False
    problem = asked(Problem((image, text), (0, 1), present=present), make_plan(CLIP))
    assert shared_shift(problem, 150 / LN2, np).fits
    text[2] = -text[2]
    assert not shared_shift(problem, 150 / LN2, np).fits


@pytest.mark.parametrize(("scale", "cosine"), [(61.0, -1.0), (100.0, -0.2)])
def test_at_the_limit_nothing_is_lost(scale: float, cosine: float) -> None:
    """Every positive is as far as may be, and other logits are the largest that can occur."""
    sine = np.sqrt(1 - cosine**2)
    image = np.zeros((300, 4), np.float32)
    image[np.arange(300), np.arange(300) % 3] = 1
    text = cosine * image
    text[:, 3] = sine
    rows = {"image": image, "text": text, "image+text": image}
    found = []
    for kernel, dtype in ((GramKernel(64), torch.float32), (plain_blocks, torch.float64)):
        leaves = {k: torch.tensor(x, dtype=dtype, requires_grad=True) for k, x in rows.items()}
        loss = contrastive_loss(
            leaves, log_scale=float(np.log(scale)), objective=GCL, kernel=kernel
        )
        loss.backward()
        found.append((loss.item(), torch.stack([x.grad for x in leaves.values()]).double()))
    (have, grads), (want, exact) = found
    assert have == pytest.approx(want, rel=1e-5)
    assert torch.linalg.vector_norm(grads - exact) <= 1e-4 * torch.linalg.vector_norm(exact)


def numbers(scale2: float, damp: np.ndarray | None = None) -> tuple[float, bool]:
    """Shift and fit of 3 modalities and 5 samples in float32, the longest row of norm 2."""
    norms = np.array([0.5, 1, 2, 1, 0.5], np.float32)[:, None]
    image = norms * np.eye(5, dtype=np.float32)
    problem = asked(Problem((image / 4, image, image / 2), (0, 1, 2), damp=damp), make_plan(GCL))
    found = shared_shift(problem, scale2, np)
    return float(found.shift), bool(found.fits)


def test_the_shift_is_what_the_largest_logit_needs() -> None:
    """With 15 terms of at most 2**room, a sum and its inverse by 2**24 are normal numbers."""
    room = 126 - 24 - np.log2(15)
    assert numbers(room / 4 - 0.01) == (0, True)
    assert numbers(50.0) == (pytest.approx(4 * 50 - room), False)
    # A factor of logits is 1 - s_j . s_k, at most 1 + 1.5**2 for these.
    damp = np.array([[0, 0.5], [1, 0], [0.9, 1.2], [0, 1], [0.1, 0]], np.float32)
    assert numbers(10.0, damp)[0] == pytest.approx(10 * 4 * (1 + 1.5**2) - room)


def test_the_last_logit_that_fits() -> None:
    """With 4 terms in float32 the smallest logit may be 126 - 23 - 2 below the shift."""
    image = np.array([[1, 0], [1, 0]], np.float32)
    problem = asked(Problem((image, -image), (0, 1)), make_plan(CLIP))
    largest = 100.5
    assert shared_shift(problem, largest, np).shift == largest - (126 - 24 - 2)
    assert shared_shift(problem, largest, np).fits
    assert not shared_shift(problem, np.nextafter(np.float32(largest), np.float32(200)), np).fits


class Member:
    """One of several processes, played by threads, of which each has the largest of all values."""

    def __init__(self, barrier: Barrier, parts: list[Any], rank: int) -> None:
        self._barrier, self._parts = barrier, parts
        self.rank, self.size = rank, len(parts)

    def max(self, x: Any, /) -> Any:
        self._parts[self.rank] = x
        self._barrier.wait(60)
        found = np.max(np.stack(self._parts), axis=0)
        self._barrier.wait(60)
        return found

    def sum(self, x: Any, /) -> Any:
        raise AssertionError("a shift is no sum")


@pytest.mark.parametrize("bounded", [True, False])
@pytest.mark.parametrize("scale2", [20.0, 55.0, 90.0])
def test_processes_with_rows_of_their_own_agree_on_the_shift_of_all(
    scale2: float, bounded: bool
) -> None:
    rng = np.random.default_rng(3)
    rows = rng.normal(size=(2, 9, 4)).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=-1, keepdims=True) * np.linspace(0.9, 1.1, 9)[:, None]
    damp, present = rows[0, :, :3], rng.random((2, 9)) > 0.3
    whole = Problem(tuple(rows), (0, 1), present=present, damp=damp, bounded=bounded)
    whole = asked(whole, make_plan(CLIP))
    cuts = [slice(0, 0), slice(0, 1), slice(1, 9)]
    barrier, parts = Barrier(len(cuts)), [None] * len(cuts)

    def of(rank: int) -> tuple[float, bool]:
        at = cuts[rank]
        part = replace(
            whole,
            rows=tuple(x[at] for x in whole.rows),
            present=present[:, at],
            damp=damp[at],
        )
        member = Member(barrier, parts, rank)
        found = shared_shift(part, scale2, np, samples=9, processes=member)
        return float(found.shift), bool(found.fits)

    want = shared_shift(whole, scale2, np)
    with ThreadPoolExecutor(len(cuts)) as pool:
        found = list(pool.map(of, range(len(cuts))))
    assert [fits for _, fits in found] == [bool(want.fits)] * len(cuts)
    assert [shift for shift, _ in found] == [pytest.approx(float(want.shift), rel=1e-6)] * len(cuts)
