"""Pickles of torch: places of tensors, and no other name."""

import io
import pickle

import numpy as np
import pytest

from gcl_spec.models.torch_pickle import Reader, Tensor, values_of


def test_values_lie_where_strides_say() -> None:
    storage = np.arange(12, dtype="<f4")
    turned = values_of(Tensor("0", "<f4", 1, (2, 3), (1, 4)), storage)
    assert turned.tolist() == [[1, 5, 9], [2, 6, 10]]
    assert values_of(Tensor("0", "<f4", 11, (), ()), storage) == 11
    assert values_of(Tensor("0", "<f4", 99, (0, 5), (5, 1)), storage).shape == (0, 5)
    half = values_of(Tensor("0", "bfloat16", 0, (2,), (1,)), np.asarray([0x3F80, 0xC000], "<u2"))
    assert half.tolist() == [1.0, -2.0]


@pytest.mark.parametrize(
    "place",
    [
        Tensor("0", "<f4", 11, (2,), (1,)),
        Tensor("0", "<f4", -1, (2,), (1,)),
        Tensor("0", "<f4", 3, (2,), (-1,)),
        Tensor("0", "<f4", 0, (100, 100), (0, 0)),
        Tensor("0", "<f4", 0, (6, 7), (1, 1)),
        Tensor("0", "<f4", 0, (2**32, 2**32), (0, 0)),
    ],
)
def test_a_tensor_out_of_its_storage_is_refused(place: Tensor) -> None:
    with pytest.raises(ValueError, match=r"reaches out of its storage|repeats its values"):
        values_of(place, np.zeros(12, "<f4"))


@pytest.mark.parametrize("code", [b"cos\nsystem\n.", b"cbuiltins\neval\n.", b"ctorch\nload\n."])
def test_other_names_are_refused(code: bytes) -> None:
    with pytest.raises(pickle.UnpicklingError, match="which is no tensor"):
        Reader(io.BytesIO(code)).load()


def test_a_memo_larger_than_the_pickle_is_refused_before_it_takes_memory() -> None:
    """Ten bytes took 34 GB: https://github.com/python/cpython/issues/115952."""
    for code in (b"\x80\x02Nr\xff\xff\xff\x7f.", b"Np2147483647\n."):
        with pytest.raises(ValueError, match="has the number 2147483647"):
            Reader(io.BytesIO(code))
    assert Reader(io.BytesIO(pickle.dumps([["a"], {"b": "c"}]))).load() == [["a"], {"b": "c"}]
