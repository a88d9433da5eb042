"""The part of all models that knows modalities: which rows a batch gives, and of what."""

from collections.abc import Mapping

import numpy as np
import pytest

from gcl_spec.errors import DataError
from gcl_spec.models.projecting import Projecting

Rows = np.ndarray


class Doubling(Projecting[Rows]):
    """Towers that take "<modality>/raw", and a projection that doubles."""

    given = ("image", "audio")

    def tower_output(self, name: str, inputs: Mapping[str, Rows], /) -> Rows | None:
        raw = inputs.get(f"{name}/raw")
        return None if raw is None else raw + 1

    def project(self, name: str, features: Rows, draw: Rows | None = None, /) -> Rows:
        return 2 * features


MODEL = Doubling()
ONES = np.ones((2, 3))


def test_outputs_that_are_given_go_before_the_tower() -> None:
    found = MODEL.features({"image/features": ONES, "image/raw": ONES, "audio/raw": ONES})
    assert {name: x.tolist() for name, x in found.items()} == {
        "image": ONES.tolist(),
        "audio": (ONES + 1).tolist(),
    }


def test_a_modality_without_inputs_is_zero() -> None:
    found = MODEL.projections({"audio/raw": ONES, "text/raw": ONES}, np.zeros_like)
    assert list(found) == ["image", "audio"]
    np.testing.assert_array_equal(found["image"], 0 * ONES)
    np.testing.assert_array_equal(found["audio"], 4 * ONES)


def test_a_batch_of_nothing_that_the_model_takes() -> None:
    with pytest.raises(DataError, match="a batch without inputs of image or audio"):
        MODEL.projections({"text/raw": ONES}, np.zeros_like)
