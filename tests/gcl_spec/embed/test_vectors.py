"""Vectors that a caller gives, as batches of a model that takes vectors."""

from typing import Any

import numpy as np
import pytest

from gcl_spec.embed.vectors import GivenVectors
from gcl_spec.errors import InputError

VECTORS = GivenVectors({"text": 2, "audio": 3})


def test_vectors_of_every_modality_are_kept_in_order() -> None:
    audio = np.arange(6.0).reshape(2, 3) + 1
    items = VECTORS.items({"text": [None, [1, 2]], "audio": audio, "image": None})
    batch = VECTORS(items)
    np.testing.assert_array_equal(batch.inputs["audio/features"], audio.astype(np.float32))
    np.testing.assert_array_equal(batch.inputs["text/features"], [[0, 0], [1, 2]])
    assert batch.inputs["text/features"].dtype == np.float32
    assert batch.has("text").tolist() == [False, True]
    assert batch.has("audio").tolist() == [True, True]
    assert batch.has("text+audio").tolist() == [False, True]


def test_a_modality_that_no_sample_has_is_in_a_batch_only_where_it_is_asked_for() -> None:
    items = VECTORS.items({"text": [None], "audio": [[1, 2, 3]]})
    assert set(VECTORS(items).inputs) == {"audio/features"}
    assert set(VECTORS(items, every=True).inputs) == {"audio/features", "text/features"}


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ({"text": None}, "no vector to encode; give text or audio"),
        ({"text": []}, "no vector to encode"),
        (
            {"text": [[1, 2]], "audio": [[1, 2, 3]] * 2},
            r"different numbers of vectors, \{'text': 1",
        ),
        ({"text": [[1, 2], None]}, "sample 1 has no vector"),
        ({"audio": [[1, 2]]}, r"audio 0 is no vector of 3 numbers.*list of shape \(2,\)"),
        ({"audio": ["a dog"]}, "audio 0 is no vector of 3 numbers.*: str of shape"),
        ({"text": [[1, 2], [0, 0]]}, "text 1 has norm 0"),
        ({"text": [[1, np.nan]]}, "text 0 has norm 0, or holds NaN"),
        ({"text": [[1e300, 1]]}, "text 0 .* Inf, in float32"),
    ],
)
def test_what_is_no_vector_is_named(parts: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message), np.errstate(over="ignore"):
        VECTORS.items(parts)
