"""The rows of tasks, and the searches among them."""

from dataclasses import replace

import numpy as np
import pytest

from gapped_space import I2T, T2I, gapped
from gcl_spec.errors import DataError
from gcl_spec.evaluate.searched import searched
from gcl_spec.tasks.task import Item


def test_every_search_has_the_rows_of_its_items() -> None:
    encode = gapped(1.0)
    found = searched(encode, [T2I, I2T])
    assert [(one.task.name, one.pool) for one in found.searches] == [
        ("t2i", "local"), ("t2i", "global"), ("i2t", "local"), ("i2t", "global"),
    ]  # fmt: skip
    for one in found.searches:
        np.testing.assert_array_equal(one.queries_QD, encode(one.task.queries))
        np.testing.assert_array_equal(found.rows_ND[one.rows_C], encode(one.candidates))
    assert sorted(found.pool_C.tolist()) == list(range(8))
    assert found.numbers(T2I.candidates).tolist() == found.searches[0].rows_C.tolist()


def test_a_global_pool_may_hold_items_of_no_task() -> None:
    """M-BEIR's union has the candidates of all sets, where only some are evaluated."""
    task = replace(T2I, union=(*T2I.candidates, Item("other", "ant.png", "bee")))
    local, whole = searched(gapped(1.0), [task]).searches
    assert len(local.rows_C) == len(T2I.candidates)
    assert len({*whole.rows_C.tolist()}) == len(T2I.candidates) + 1


def test_no_task_is_an_error() -> None:
    with pytest.raises(DataError, match="no task"):
        searched(gapped(1.0), [])
