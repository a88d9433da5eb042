"""One tile: sums over its rows and columns, and their gradients, against whole matrices."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import torch

from gcl_spec.loss.tiled.tile_logits import LN2, Layout, Side, products
from gcl_spec.loss.tiled.tile_softmax import Weights, backward_tile, forward_tile

BLOCKS = ((0, 1), (1, 0), (1, 1))
SIZE, WIDTH = 4, 3


@dataclass
class Tile:
    """Two sides of two modalities each, and the logits of all their rows in units of ln 2."""

    a: Side
    b: Side
    layout: Layout
    same: bool

    @property
    def logits(self) -> dict[tuple[int, int], np.ndarray]:
        rows = [[side.kind(m, self.layout) for m in range(2)] for side in (self.a, self.b)]
        return {(m, n): rows[0][m] @ rows[1][n].T for m in range(2) for n in range(2)}

    @property
    def others(self) -> np.ndarray:
        """Which pairs of samples are negatives."""
        if self.a.ids is not None:
            return self.a.ids[:, None] != self.b.ids[None, :]
        return ~np.eye(SIZE, dtype=bool) if self.same else np.ones((SIZE, SIZE), bool)


def tile(same: bool = False, ids: bool = False, missing: bool = False) -> Tile:
    rng = np.random.default_rng(0)
    rows = [rng.normal(size=(2 * SIZE, WIDTH)) for _ in range(2)]
    rows[1] = rows[0] if same else rows[1]
    classes = [np.asarray([0, 1, 2, 2]), np.asarray([1, 3, 2, 4])]
    classes[1] = classes[0] if same else classes[1]
    here = np.ones((2, SIZE))
    here[1, 2] = 0 if missing else 1
    if missing:  # rows that are not present are zero
        for z in rows:
            z[SIZE + 2] = 0
    sides = [
        Side(z, None, here if missing else None, y if ids else None)
        for z, y in zip(rows, classes, strict=True)
    ]
    return Tile(*sides, Layout((0, 1), BLOCKS, 2, 0, False), same)


CASES = pytest.mark.parametrize(
    "case",
    [tile(), tile(ids=True), tile(missing=True), tile(same=True), tile(True, True, True)],
    ids=["plain", "ids", "missing", "same", "all"],
)


def forward(case: Tile, shift: float | None) -> Any:
    given = products(case.a, case.b, case.layout, np)
    return forward_tile(given, case.a, case.b, case.layout, case.same, shift, np)


@CASES
@pytest.mark.parametrize("shift", [None, 1.5])
def test_sums_over_other_samples(case: Tile, shift: float | None) -> None:
    found = forward(case, shift)
    for k, (m, n) in enumerate(BLOCKS):
        here = np.ones(SIZE) if case.b.present is None else case.b.present[n]
        terms = np.exp2(case.logits[m, n]) * case.others * here[None, :]
        columns = np.exp2(case.logits[n, m]).T * case.others.T * here[None, :]
        for sums, want in ((found.others_a, terms), (found.others_b, columns)):
            if sums is None:
                assert case.same
            elif shift is None:
                with np.errstate(divide="ignore"):
                    logs = np.log2(want.sum(axis=1))
                np.testing.assert_allclose(sums.top[k] + sums.rest[k], logs, atol=1e-12)
            else:
                np.testing.assert_allclose(sums[k], want.sum(axis=1) / 2**shift, atol=1e-12)


@pytest.mark.parametrize("missing", [False, True])
def test_gradients_are_those_of_the_sums(missing: bool) -> None:
    """By autograd of a weighted sum of all rows' and columns' sums of exp2."""
    case, shift = tile(missing=missing), 0.5
    rng = np.random.default_rng(1)
    weights = [rng.random((len(BLOCKS), SIZE)) for _ in range(2)]
    none = np.zeros((len(BLOCKS), SIZE))
    given = products(case.a, case.b, case.layout, np)
    dots = {at: torch.tensor(x, requires_grad=True) for at, x in given.items()}
    total = torch.zeros((), dtype=torch.float64)
    for k, (m, n) in enumerate(BLOCKS):
        here = torch.tensor(np.ones(SIZE) if case.b.present is None else case.b.present[n])
        for x, w in ((dots[m, n], weights[0][k]), (dots[n, m].T, weights[1][k])):
            total = total + (torch.tensor(w) * (torch.exp2(x - shift) @ here)).sum()
    total.backward()
    w_a, w_b = (Weights(w, none, none, none, none) for w in weights)
    found = backward_tile(given, w_a, w_b, case.a, case.b, case.layout, False, shift, np)
    for at, x in dots.items():
        if at in found.products:
            assert x.grad is not None
            # The gradient of a row that is not present gets its zero from the caller.
            here = np.ones((SIZE, SIZE), bool)
            here[:, 2] &= not (missing and at[1] == 1)
            here[2, :] &= not (missing and at[0] == 1)
            have, want = LN2 * found.products[at], x.grad.numpy()
            np.testing.assert_allclose(have[here], want[here], rtol=1e-10)
    assert set(found.products) == set(case.layout.pairs)
    slope = sum(float((x.grad * x.detach()).sum()) for x in dots.values() if x.grad is not None)
    assert float(found.log_scale) == pytest.approx(slope)
