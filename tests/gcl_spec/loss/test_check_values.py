"""What the loss refuses, and how it says so."""

import numpy as np
import pytest

from gcl_spec.errors import InputError
from gcl_spec.loss.equation import contrastive_loss, gcl_loss
from gcl_spec.normalize import l2_normalize
from gcl_spec.objective import CLIP, GCL, PRESETS, Objective


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
    "bias is 1e+308, by which logits": lambda i, t: (i, t, {"bias": 1e308}),
    "bias is -1e+307, by which": lambda i, t: (i, t, {"bias": np.full((3, 3), -1e307)}),
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
    "row 2 of the weights of 'image' in 'image+text' holds NaN or Inf; mark": lambda i, t: (
        i,
        t,
        {"weights": (np.asarray([1.0, 1.0, np.inf, 1.0]), 1.0)},
    ),
    "the weight of 'text' in 'image+text' is nan; wanted a finite number": lambda i, t: (
        i,
        t,
        {"weights": (1.0, float("nan"))},
    ),
    "weights of 'image+text', which is not made of its parts here": lambda i, t: (
        i,
        t,
        {"weights": (1.0, 2.0), "fused": t},
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


def test_numbers_of_numpy_are_numbers() -> None:
    image, text = unit_rows(18, 4, 5), unit_rows(19, 4, 5)
    want = gcl_loss(image, text, log_scale=2.0, weights=(2.0, 1.0))
    found = gcl_loss(image, text, log_scale=np.float32(2), weights=(np.float32(2), 1))
    assert float(found) == pytest.approx(float(want), rel=1e-12)


def test_rows_of_16_bits_near_opposite_have_a_fusion() -> None:
    """Their sum is exact in 32 bits, and as large as 16 bits would make its rounding error."""
    image = np.asarray([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]], np.float16)
    text = np.asarray([[-1.0, 0.004, 0.0], [0.0, -1.0, 0.004]], np.float16)
    wide = gcl_loss(image.astype(np.float32), text.astype(np.float32), log_scale=1.0)
    assert gcl_loss(image, text, log_scale=1.0) == wide
    with pytest.raises(InputError, match="row 1 of 'image' and 'text' sum to 0"):
        gcl_loss(image, np.stack([text[0], -image[1]]), log_scale=1.0)


def test_a_bias_whose_logits_overflow_is_refused_in_the_dtype_of_the_rows() -> None:
    """In cosines it is times the scale, and a sigmoid adds one for each negative."""
    rows = {"image": np.eye(4, dtype=np.float32), "text": np.eye(4, dtype=np.float32)}
    relative = Objective(bias_unit="cosine")
    for rule, bias, scale in (
        (GCL, 1e300, 1.0),
        (relative, 1e35, 100.0),
        (PRESETS["siglip"], -1e36, 1.0),
    ):
        with pytest.raises(InputError, match="by which logits or their sums overflow"):
            contrastive_loss(rows, log_scale=np.log(scale), objective=rule, bias=bias)
        for below in (bias * 1e-2 if abs(bias) < 1e40 else 1e34, 0.0):
            near = contrastive_loss(rows, log_scale=np.log(scale), objective=rule, bias=below)
            assert np.isfinite(near)


def test_weights_of_parts_that_are_absent_may_be_anything() -> None:
    """As their rows may: the norms of projections that are NaN are NaN."""
    image, text, here = (
        unit_rows(3, 4, 5),
        unit_rows(4, 4, 5),
        np.asarray([True, False, True, True]),
    )
    found = []
    for absent in (1.0, np.nan, np.inf):
        weight = np.where(here, 2.0, absent)
        options = {"present": {"image": here}, "weights": (weight, np.full(4, 3.0))}
        found.append(float(gcl_loss(image, text, log_scale=1.0, **options)))
    assert found[0] == found[1] == found[2]


def test_an_objective_that_fuses_nothing_takes_no_notice_of_the_fused_row() -> None:
    image, text = unit_rows(3, 4, 5), unit_rows(4, 4, 5)
    want = gcl_loss(image, text, log_scale=1.0, objective=CLIP)
    assert gcl_loss(image, text, text, log_scale=1.0, objective=CLIP, weights=(1.0, 2.0)) == want
