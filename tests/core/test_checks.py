"""What the loss refuses, and how it says so."""

import numpy as np
import pytest

from gcl_spec.errors import InputError, InputTypeError
from gcl_spec.loss import contrastive_loss, gcl_loss
from gcl_spec.normalize import l2_normalize
from gcl_spec.objective import Objective


def unit_rows(seed: int, *shape: int) -> np.ndarray:
    return l2_normalize(np.random.default_rng(seed).normal(size=shape))


BAD = {
    "rows 1, 3 of 'text' have norm 0": lambda i, t: (i, np.where([[1], [0], [1], [0]], t, 0), {}),
    "row 2 of 'image' hold": lambda i, t: (np.where([[1], [1], [0], [1]], i, np.nan), t, {}),
    "sum to 0": lambda i, t: (i, -i, {}),
    "all must be (B, D)": lambda i, t: (i[:3], t, {}),
    "no valid pair is left": lambda i, t: (i, t, {"present": {"image": np.zeros(4, bool)}}),
    "log_scale is nan": lambda i, t: (i, t, {"log_scale": float("nan")}),
    "log_scale has shape": lambda i, t: (i, t, {"log_scale": np.zeros(2)}),
    "ids has shape": lambda i, t: (i, t, {"ids": np.arange(3)}),
    "present of 'audio'": lambda i, t: (i, t, {"present": {"audio": np.ones(4, bool)}}),
    "present of 'text' has shape": lambda i, t: (i, t, {"present": {"text": np.ones(3, bool)}}),
    "B >= 1": lambda i, t: (i[:0], t[:0], {}),
}


@pytest.mark.parametrize("message", BAD)
def test_degenerate_input_is_named(message: str) -> None:
    image, text, options = BAD[message](unit_rows(14, 4, 5), unit_rows(15, 4, 5))
    with pytest.raises(InputError) as caught:
        gcl_loss(image, text, **{"log_scale": 1.0, **options})
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_wrong_types_are_named() -> None:
    image, text = unit_rows(16, 4, 5), unit_rows(17, 4, 5)
    with pytest.raises(InputTypeError, match="ids has dtype float64"):
        gcl_loss(image, text, log_scale=1.0, ids=np.zeros(4))
    with pytest.raises(InputTypeError, match="real floating"):
        gcl_loss(np.eye(4, dtype=int), np.eye(4, dtype=int), np.eye(4, dtype=int), log_scale=1.0)
    pair = Objective(modalities=("audio", "text"))
    with pytest.raises(InputError, match="wants 'audio', 'text'"):
        contrastive_loss({"image": image, "text": text}, log_scale=1.0, objective=pair)
