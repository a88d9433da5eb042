"""Filters by id and by modality."""

import numpy as np
import pytest

from gcl_spec.errors import InputError
from gcl_spec.search.filters import in_modalities, kept_by_id, refuse_equal_ids

IDS = [range(10, 14), np.array([3, 99, 5])]


def rows(kept: list) -> list:
    return [None if x is None else x.tolist() for x in kept]


def test_ids() -> None:
    assert rows(kept_by_id(IDS, None)) == [None, None]
    assert rows(kept_by_id(IDS, np.array([5, 12, 12, 3]))) == [[2], [0, 2]]
    assert rows(kept_by_id(IDS, [])) == [[], []]
    with pytest.raises(InputError, match=r"2 ids of the filter are those of no .*, such as 4"):
        kept_by_id(IDS, np.array([14, 4, 10]))
    with pytest.raises(InputError, match="wanted integers"):
        kept_by_id(IDS, np.ones(3, bool))


def test_modalities() -> None:
    given = ["image", ["text", "image", "text"]]
    assert rows(in_modalities([None, None], given, [4, 3], ["image"])) == [None, [1]]
    assert rows(in_modalities([None, np.array([0, 1])], given, [4, 3], {"text"})) == [[], [0]]
    assert rows(in_modalities([None, None], given, [4, 3], "text")) == [[], [0, 2]]
    with pytest.raises(InputError, match=r"'imag'.*'image'"):
        in_modalities([None, None], given, [4, 3], ["imag"])
    with pytest.raises(InputError, match="shard 1 has 3 rows and 2 modalities"):
        in_modalities([None, None], ["image", ["text", "text"]], [4, 3], ["text"])


def test_equal_ids() -> None:
    refuse_equal_ids([range(5), range(7, 9), range(7, 7), range(5, 7)])
    with pytest.raises(InputError, match="the id 4"):
        refuse_equal_ids([range(5), range(4, 9)])
    with pytest.raises(InputError, match="the id 4"):
        refuse_equal_ids([range(5), np.array([4])])
