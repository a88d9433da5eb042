"""What made rows is read back, and told from others."""

from dataclasses import replace
from typing import Any

import pytest

from embedding import MAKER
from gcl_spec.embed.maker import Maker
from gcl_spec.errors import DataError


def test_it_is_read_back() -> None:
    assert Maker.from_json(MAKER.to_json()) == MAKER
    MAKER.refuse_other_rows(replace(MAKER, model="renamed"), "rows")
    with pytest.raises(DataError, match=r"rows holds embeddings of tiles, step 0 \(0+\), not of b"):
        replace(MAKER, model="b", weights="2" * 64).refuse_other_model(MAKER, "rows")


@pytest.mark.parametrize(
    "changed", [{"weights": "abc"}, {"dtype": "int8"}, {"size": "5"}, {"model": 3}, {"more": 1}]
)
def test_anything_else_is_refused(changed: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r".+"):
        Maker.from_json({**MAKER.to_json(), **changed})
