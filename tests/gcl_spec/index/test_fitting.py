"""Ranges are those of rows, for each column of codes."""

import numpy as np
import pytest

from embedding import MAKER
from gcl_spec.errors import ConfigError
from gcl_spec.index.about import About
from gcl_spec.index.coding import Codes
from gcl_spec.index.fitting import LEAST_ROWS, beside, fitted

ROWS = np.random.default_rng(0).normal(size=(LEAST_ROWS, 5)).astype(np.float32)
CALIBRATIONS = {"mean": ("1" * 64, 3)}


def about(form: str) -> About:
    return About(MAKER, 2, "", CALIBRATIONS, codes=Codes(form))


def test_each_column_has_its_ranges() -> None:
    found = fitted(about("int8"), ROWS)
    assert found.ranges["vector"] == (ROWS[:, :2].min(0).tolist(), ROWS[:, :2].max(0).tolist())
    assert found.ranges["vector_1"][1] == ROWS[:, 2:].max(0).tolist()
    assert {name: x.shape[1] for name, x in beside(found, ROWS).items()} == {
        "vector": 2, "vector_1": 3,
    }  # fmt: skip


def test_other_forms_have_none() -> None:
    for one in (about("binary"), About(MAKER, 2, "", {})):
        assert fitted(one, ROWS[:1]) is one


def test_of_few_rows_there_are_none() -> None:
    with pytest.raises(ConfigError, match="from 100 items or more, and here are 99"):
        fitted(about("int8"), ROWS[1:])
