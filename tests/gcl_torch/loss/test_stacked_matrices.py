"""The memory of PyTorch's tiles: bands, and views that are made once."""

import torch
from hypothesis import given
from hypothesis import strategies as st

from gcl_torch.loss.stacked_matrices import Workspace, bands_of


@given(st.integers(1, 2000), st.integers(1, 6), st.integers(1, 100_000), st.integers(1, 4))
def test_bands_hold_every_sample_once(size: int, kinds: int, columns: int, matrices: int) -> None:
    bands = bands_of(size, kinds, columns, matrices)
    assert [k for at in bands for k in range(size)[at]] == list(range(size))
    heights = [at.stop - at.start for at in bands]
    assert max(heights) - min(heights) <= 1
    assert max(heights) == 1 or max(heights) * matrices * kinds**2 * columns <= 3 * 2**17


def test_bands_of_one_height_share_their_matrices() -> None:
    space = Workspace(torch.zeros(1), 3, 2, 1, 1, 2)
    pair = space.pair(6, 5, [slice(0, 3), slice(3, 6)])
    first, second = pair.bands
    assert first.matrices is second.matrices
    assert space.pair(6, 5, [slice(0, 3), slice(3, 6)]) is pair
    assert [x.all.shape for x in first.matrices] == [(9, 15), (9, 15)]


def test_a_band_is_a_part_of_its_pair() -> None:
    space = Workspace(torch.zeros(1), 3, 2, 1, 1, 1)
    pair = space.pair(4, 5, [slice(0, 2), slice(2, 4)])
    pair.products.copy_(torch.arange(80.0).view(8, 10))
    first, second = pair.bands
    assert first.products[:, :, 0].tolist() == [[0, 10], [40, 50]]  # image rows, then text rows
    assert second.products[:, :, 0].tolist() == [[20, 30], [60, 70]]
    pair.d_products.zero_()
    for part in second.d_products:
        part.fill_(1)
    assert pair.d_products.sum(1).tolist() == [0, 0, 10, 10, 0, 0, 10, 10]


def test_own_entries_are_those_of_a_sample_with_itself() -> None:
    space = Workspace(torch.zeros(1), 2, 2, 1, 1, 1)
    band = space.pair(4, 4, [slice(0, 2), slice(2, 4)]).bands[1]
    (matrix,) = band.matrices
    matrix.all.zero_()
    matrix.own(band.at).copy_(torch.tensor([[[1.0, 2], [3, 4]], [[5, 6], [7, 8]]]))
    assert matrix.all[0].tolist() == [0, 0, 1, 0, 0, 0, 3, 0]  # sample 2's image row
    assert matrix.all[3].tolist() == [0, 0, 0, 6, 0, 0, 0, 8]  # sample 3's text row
