"""Columns hold rows, codes, or codes with whole rows beside them."""

import numpy as np

from gcl_spec.index.coding import BitCoding
from gcl_spec.index.columns import Columns

ROWS = np.asarray([[0.6, -0.8, 0.0]], np.float32)


def test_rows_are_stored_as_they_are() -> None:
    plain = Columns({"vector": 3}, "float32")
    assert plain.encoded({"vector": ROWS})["vector"] is ROWS
    assert plain.decoded("vector", ROWS) is ROWS
    assert (plain.nearest_rows("vector"), plain.width("vector")) == ("vector", 3)
    assert plain.sizes == {"vector": 3}


def test_codes_are_read_back_or_have_whole_rows_beside_them() -> None:
    codings = {"vector": BitCoding(3), "vector_1": BitCoding(3)}
    sizes = {"vector": 1, "vector_1": 1}
    alone, both = (Columns(sizes, "binary", codings, kind) for kind in ("", "float16"))
    stored = alone.encoded({"vector": ROWS, "vector_1": -ROWS})
    assert {name: x.tolist() for name, x in stored.items()} == {
        "vector": [[128]], "vector_1": [[64]],
    }  # fmt: skip
    assert np.sign(alone.decoded("vector", stored["vector"])).tolist() == [[1, -1, -1]]
    assert alone.nearest_rows("vector_1") == "vector_1"
    assert (alone.width("vector"), alone.sizes) == (3, sizes)
    assert list(both.encoded({"vector": ROWS, "vector_1": -ROWS})) == [
        "vector", "vector_1", "whole", "whole_1",
    ]  # fmt: skip
    assert both.nearest_rows("vector_1") == "whole_1"
    assert both.sizes == {**sizes, "whole": 3, "whole_1": 3}
    assert both.decoded("whole", ROWS) is ROWS
