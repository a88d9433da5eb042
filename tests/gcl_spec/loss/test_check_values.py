"""What the loss refuses, and how it says so."""

import numpy as np
import pytest
import torch

from gcl_spec.errors import InputError, InputTypeError
from gcl_spec.loss.equation import contrastive_loss, gcl_loss, stacked_loss
from gcl_spec.normalize import l2_normalize
from gcl_spec.objective import Objective


def unit_rows(seed: int, *shape: int) -> np.ndarray:
    return l2_normalize(np.random.default_rng(seed).normal(size=shape))


FIRST = np.asarray([False, True, True, True])
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
    "present of 'image' has shape (5,); wanted (4,)": lambda i, t: (
        i,
        t,
        {"present": {"image": np.ones(5, bool)}},
    ),
    "B >= 1": lambda i, t: (i[:0], t[:0], {}),
    "row 0 of 'image' has norm 0": lambda i, t: (i * [[0], [1], [1], [1]], t, {}),
    "log_scale is 1000, whose exponential no float64 holds; wanted ln(1 / temperature): ln(100)": (
        lambda i, t: (i, t, {"log_scale": 1000.0})
    ),
    "log_scale is -800, whose": lambda i, t: (i, t, {"log_scale": np.asarray(-800.0)}),
    # A row of nothing: both parts are absent, and the fused row is said to be present.
    "row 0 of 'image' and 'text' sum to 0": lambda i, t: (
        i,
        t,
        {"present": {"image": FIRST, "text": FIRST, "image+text": np.ones(4, bool)}},
    ),
    "the weight of 'text' in 'image+text' has shape (4, 1); wanted (4,)": lambda i, t: (
        i,
        t,
        {"weights": (1.0, np.ones((4, 1)))},
    ),
    "has shape (1,); wanted (4,)": lambda i, t: (i, t, {"weights": (np.ones(1), 1.0)}),
    "weights of 'image+text' are dict; wanted a pair": lambda i, t: (i, t, {"weights": {}}),
    "the weights of 'image' in 'image+text' hold NaN or Inf": lambda i, t: (
        i,
        t,
        {"weights": (np.full(4, np.inf), 1.0)},
    ),
    "embeddings of 'text' are (4,)": lambda i, t: (i, t[:, 0], {}),
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
    with pytest.raises(InputTypeError, match="ids is a list; wanted an array"):
        gcl_loss(image, text, log_scale=1.0, ids=[1, 2, 3, 4])
    with pytest.raises(InputTypeError, match=r"ids is a numpy ndarray, .* torch Tensors: all must"):
        gcl_loss(torch.tensor(image), torch.tensor(text), log_scale=1.0, ids=np.arange(4))
    with pytest.raises(InputTypeError, match="log_scale is a NoneType"):
        gcl_loss(image, text, log_scale=None)
    with pytest.raises(InputTypeError, match=r"wanted an Objective, .*preset\('gcl-drop'\)"):
        gcl_loss(image, text, log_scale=1.0, objective="gcl-drop")
    with pytest.raises(InputTypeError, match="real floating"):
        gcl_loss(np.eye(4, dtype=int), np.eye(4, dtype=int), np.eye(4, dtype=int), log_scale=1.0)
    pair = Objective(modalities=("audio", "text"))
    with pytest.raises(InputError, match="wants 'audio', 'text'"):
        contrastive_loss({"image": image, "text": text}, log_scale=1.0, objective=pair)


def test_numbers_of_numpy_are_numbers() -> None:
    image, text = unit_rows(18, 4, 5), unit_rows(19, 4, 5)
    want = gcl_loss(image, text, log_scale=2.0, weights=(2.0, 1.0))
    found = gcl_loss(image, text, log_scale=np.float32(2), weights=(np.float32(2), 1))
    assert float(found) == pytest.approx(float(want), rel=1e-12)


def test_a_plus_in_a_name_is_a_fusion_only_of_other_modalities() -> None:
    objective = Objective(modalities=("image+text", "audio"))
    with pytest.raises(InputError, match=r"wanted \(M, B, D\) = \(2, B"):
        stacked_loss(unit_rows(20, 1, 4, 5), 1.0, objective=objective)
    assert np.isfinite(float(stacked_loss(unit_rows(21, 2, 4, 5), 1.0, objective=objective)))


@pytest.mark.parametrize(
    ("modalities", "given"),
    [
        (("image", "text"), ("image",)),
        (("image", "text", "image+text"), ("image", "image+text")),
        # The fused rows want a part that is no modality of the objective itself.
        (("image", "image+text"), ("image",)),
        (("image", "text"), ("image", "text", "audio")),
    ],
)
def test_embeddings_that_are_not_the_objective_s(
    modalities: tuple[str, ...], given: tuple[str, ...]
) -> None:
    rows = {name: unit_rows(n, 4, 5) for n, name in enumerate(given)}
    with pytest.raises(InputError, match=r"embeddings of .* given; the objective wants 'image'"):
        contrastive_loss(rows, log_scale=0.0, objective=Objective(modalities=modalities))


def test_no_embeddings() -> None:
    with pytest.raises(InputError, match="no embeddings given"):
        contrastive_loss({}, log_scale=0.0, objective=Objective(modalities=("image", "text")))


def test_rows_of_16_bits_near_opposite_have_a_fusion() -> None:
    """Their sum is exact in 32 bits, and as large as 16 bits would make its rounding error."""
    image = np.asarray([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]], np.float16)
    text = np.asarray([[-1.0, 0.004, 0.0], [0.0, -1.0, 0.004]], np.float16)
    wide = gcl_loss(image.astype(np.float32), text.astype(np.float32), log_scale=1.0)
    assert gcl_loss(image, text, log_scale=1.0) == wide
    with pytest.raises(InputError, match="row 1 of 'image' and 'text' sum to 0"):
        gcl_loss(image, np.stack([text[0], -image[1]]), log_scale=1.0)
