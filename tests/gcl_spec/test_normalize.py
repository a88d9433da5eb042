"""Unit rows of any size that a dtype holds, with their gradients."""

import numpy as np
import pytest
import torch

from gcl_spec.normalize import centred, l2_normalize

IMAGE = np.asarray([[3.0, 4.0], [0.0, 2.0], [6.0, 8.0], [1.0, 0.0]])

TEXT = np.asarray([[4.0, -3.0], [5.0, 0.0], [1.0, 1.0], [0.0, 0.5]])


def unit(x: np.ndarray) -> np.ndarray:
    return x / np.sqrt((x**2).sum(-1, keepdims=True))


def test_normalised_rows() -> None:
    x = np.stack([IMAGE, TEXT])
    np.testing.assert_allclose(l2_normalize(x), unit(x))
    assert l2_normalize(x.astype(np.float32)).dtype == np.float32
    np.testing.assert_allclose(l2_normalize(np.asarray([[0.3, 0.4]])), [[0.6, 0.8]])


def test_a_zero_row_has_no_direction_and_no_gradient() -> None:
    x = torch.tensor([[0.0, 0.0], [3.0, 4.0]], dtype=torch.float64, requires_grad=True)
    unit_rows = l2_normalize(x)
    assert unit_rows.tolist() == [[0.0, 0.0], [0.6, 0.8]]
    (unit_rows * torch.tensor([[1.0, 2.0], [1.0, 0.0]])).sum().backward()
    # That of x / |x| is orthogonal to the row: (I - u u^T) v / |x|.
    assert x.grad is not None
    assert x.grad[1].tolist() == pytest.approx([0.128, -0.096])
    assert x.grad[0].tolist() == [0.0, 0.0]


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_norms_far_from_1(dtype: torch.dtype) -> None:
    """Unit rows, with their gradient, wherever the dtype holds the row."""
    info = torch.finfo(dtype)
    close = 4 * info.eps
    for size in (info.max / 2, info.max**0.6, 1.0, info.tiny**0.6, info.tiny * 8):
        x = (torch.tensor([[0.6, -0.8, 0.0]], dtype=torch.float64) * size).to(dtype)
        x.requires_grad_()
        found = l2_normalize(x)
        want = torch.tensor([[0.6, -0.8, 0.0]], dtype=torch.float64)
        assert (found.double() - want).abs().max() < close, size
        if 1 / size < info.max / 4:
            found[0, 2].backward()
            assert x.grad is not None
            assert x.grad[0, 2].item() * size == pytest.approx(1.0, rel=8 * info.eps)


@pytest.mark.parametrize("size", [1e-40, 1e-22, 1e-15, 1.0, 1e15, 1e22, 1e38])
def test_norms_far_from_1_without_a_warning(size: float) -> None:
    x = np.asarray([[3.0, 4.0], [0.0, 0.0]], np.float32) * np.float32(size / 5)
    tolerance = 1e-6 if size > 1e-37 else 1e-4  # the row itself has lost digits
    np.testing.assert_allclose(l2_normalize(x), [[0.6, 0.8], [0.0, 0.0]], rtol=tolerance)


@pytest.mark.parametrize("shape", [(1, 400), (400, 1), (2, 3, 50)])
def test_wide_rows_of_large_numbers(shape: tuple[int, ...]) -> None:
    """Each square is a float32, their sum is none."""
    found = l2_normalize(np.full(shape, 1.7e19, np.float32))
    np.testing.assert_allclose(found, np.full(shape, shape[-1] ** -0.5), rtol=1e-6)


def test_what_is_not_finite_stays_so() -> None:
    with np.errstate(invalid="ignore"):
        found = l2_normalize(np.asarray([[np.nan, 1.0], [np.inf, 1.0], [3.0, 4.0]]))
    assert np.isnan(found[:2, 0]).all()
    assert found[2].tolist() == [0.6, 0.8]
    assert l2_normalize(np.zeros((3, 0))).shape == (3, 0)


def test_centred_rows_are_unit_rows_of_the_same_direction_as_the_differences() -> None:
    mean = np.asarray([0.3, -0.2])
    found = centred(unit(IMAGE), mean)
    np.testing.assert_allclose(found, unit(unit(IMAGE) - mean))
    np.testing.assert_array_equal(centred(unit(IMAGE), np.zeros(2)), l2_normalize(unit(IMAGE)))
    assert centred(mean[None], mean).tolist() == [[0.0, 0.0]]
