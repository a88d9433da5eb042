"""The row of a query is made of those of its parts."""

import numpy as np
import pytest

from gcl_spec.errors import ConfigError, InputError
from gcl_spec.evaluate.calibrations.centre import CentredParts
from gcl_spec.evaluate.calibrations.known import Chain
from gcl_spec.index.queries import Query, calibrated, stored_rows, unit

ROWS = np.asarray([[0.6, 0.8], [1, 0], [0, 1], [0.8, 0.6]], np.float32)


def test_parts_are_encoded_alone_where_there_are_two() -> None:
    assert Query(text="a").columns() == {"image": [None], "text": ["a"]}
    query = Query(b"x", "a", minus="b")
    assert query.columns() == {"image": [b"x", b"x", None, None], "text": ["a", None, "a", "b"]}
    rows = query.rows(ROWS)
    assert rows.modality == "image+text"
    np.testing.assert_array_equal(rows.parts["image"], ROWS[1:2])
    np.testing.assert_array_equal(rows.parts["text"], ROWS[2:3])
    np.testing.assert_allclose(rows.whole, [unit(ROWS[0] - ROWS[3])])


def test_a_weight_moves_from_text_to_picture() -> None:
    found = [Query(b"x", "a", weight=w).rows(ROWS[:3]).whole[0] for w in (0.0, 0.5, 1.0)]
    np.testing.assert_allclose(found, [[0, 1], [0.5**0.5, 0.5**0.5], [1, 0]], rtol=1e-6)
    np.testing.assert_array_equal(Query(b"x", "a").rows(ROWS[:3]).whole[0], ROWS[0])


def test_what_leaves_nothing_is_said() -> None:
    with pytest.raises(InputError, match="nothing is near it"):
        Query(text="a", minus="a").rows(np.asarray([[1, 0], [1, 0]], np.float32))
    with pytest.raises(InputError, match="nothing to search for"):
        Query(minus="a")


def test_a_calibration_of_parts_is_not_made_of_the_whole() -> None:
    zero = np.zeros(2)
    means = {f"query/{name}": zero for name in ("image", "text")}
    chain = Chain("cfu", (CentredParts(means),))
    assert calibrated(stored_rows("text", ROWS[0]), chain).shape == (2,)
    with pytest.raises(ConfigError, match="needs the picture and the text of an item alone"):
        calibrated(stored_rows("image+text", ROWS[0]), chain)
