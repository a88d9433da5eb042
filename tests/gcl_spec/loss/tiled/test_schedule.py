"""Pairs of tiles: every one once, whoever computes it."""

from types import SimpleNamespace

import pytest

from gcl_spec.loss.tiled.schedule import slices_of, turns_of


@pytest.mark.parametrize(("samples", "tile"), [(1, 4), (8, 4), (9, 4), (7, 1)])
def test_tiles_hold_every_sample_once(samples: int, tile: int) -> None:
    found = [n for at in slices_of(samples, tile) for n in range(at.start, at.stop)]
    assert found == list(range(samples))


@pytest.mark.parametrize("size", [1, 2, 3, 50])
def test_processes_share_all_pairs(size: int) -> None:
    slices = slices_of(11, 2)
    found = []
    for rank in range(size):
        processes = SimpleNamespace(rank=rank, size=size)
        found += [(i, j) for i, js in turns_of(slices, processes=processes) for j in js]
    assert sorted(found) == [(i, j) for i in range(6) for j in range(i, 6)]


def test_a_cut_leaves_the_pairs_across_it() -> None:
    slices = slices_of(10, 3, cut=4)
    pairs = [(slices[i], slices[j]) for i, js in turns_of(slices, cut=4) for j in js]
    assert pairs
    assert all(a.stop <= 4 <= b.start for a, b in pairs)
    assert len(pairs) == 2 * 2
