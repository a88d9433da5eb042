"""The scales and shifts of blocks."""

import numpy as np
import pytest

from gcl_spec.loss.places import Places
from gcl_spec.objective import GCL, Objective

LIKE = np.eye(2)


def places(objective: Objective, log_scale: object, bias: object = None) -> Places:
    return Places(objective, log_scale, bias, LIKE, lambda x: x, np)  # type: ignore[arg-type]


def test_one_scale_stays_a_number() -> None:
    one = places(GCL, np.log(7.0))
    assert [one.of(t, t % 3, 1) for t in range(6)] == [0] * 6
    assert one.scales() == pytest.approx(7.0)
    assert one.shifts() is None


def test_a_scale_belongs_to_a_direction_or_a_pair() -> None:
    each = places(GCL, np.arange(6.0))
    assert [each.of(t, 0, 1) for t in (4, 2, 4)] == [0, 1, 0]
    assert [each.find(t, 0, 1) for t in (2, 3)] == [1, None], "nothing is added"
    np.testing.assert_allclose(each.scales(), np.exp([4.0, 2.0]))
    pairs = places(Objective(scales="pair"), np.arange(9.0).reshape(3, 3))
    assert [pairs.of(t, 1, n) for t, n in ((0, 2), (5, 2), (0, 0))] == [0, 0, 1]
    np.testing.assert_allclose(pairs.scales(), np.exp([5.0, 3.0]))


def test_the_temperature_of_two_rows_is_the_mean_of_their_parts() -> None:
    """e5-omni (arXiv 2601.03666): 0.1 and 0.3 for image and text, 0.2 for the fused row."""
    found = places(Objective(scales="modality"), -np.log([0.1, 0.3]))
    for at in ((0, 0), (0, 1), (0, 2), (1, 2)):
        found.of(0, *at)
    np.testing.assert_allclose(1 / np.asarray(found.scales()), [0.1, 0.2, 0.15, 0.25])
    assert found.of(0, 2, 1) == found.of(3, 1, 2), "one exponential serves both orders"


def test_a_shift_in_cosines_grows_with_the_scale() -> None:
    bias = np.asarray([[0.0, 0.5, 0.0], [0.0, 0.0, 0.0], [0.0, 0.0, 0.0]])
    for unit, want in (("logit", 0.5), ("cosine", -2.0)):
        rule = Objective(bias_unit=unit)  # type: ignore[arg-type]
        found = places(rule, np.log(4.0), bias)
        assert found.shift(0, 0, 1) == pytest.approx(want)
        sigmoid = places(Objective(loss="sigmoid", bias_unit=unit), np.log(4.0), bias)  # type: ignore[arg-type]
        assert [sigmoid.of(0, 0, n) for n in (1, 2)] == [0, 1]
        np.testing.assert_allclose(sigmoid.shifts(), [want, 0.0])


def test_hard_negatives_have_a_larger_scale() -> None:
    found = places(Objective(hardness=3.0), np.log(2.0))
    for role in ("hard", "weights", "plain"):
        found.of(0, 0, 1, role)  # type: ignore[arg-type]
    np.testing.assert_allclose(found.scales(), [5.0, 3.0, 2.0])
    assert found.plain_share(0, 0, 1) == pytest.approx(0.4)
