"""Ways to make a right result wrong: each changes what it says, and nothing else."""

import numpy as np
import pytest

from gcl_spec.backend import LossAndGrads
from gcl_spec.conformance import quick_cases
from gcl_spec.conformance.bugs.dense import Call, Dense
from gcl_spec.conformance.bugs.injected import asked, cast, changed, only, rule, step, times
from gcl_spec.conformance.bugs.mutant import Bug

CASE = quick_cases()[0]
CALL = Call(CASE.z_MBD, np.asarray(CASE.log_scale), CASE.objective, CASE.present, CASE.ids)
RIGHT = Dense()(CALL)


class Doubled(Dense):
    def logits(self, rows_ND: np.ndarray, scale: np.ndarray) -> np.ndarray:
        return 2 * super().logits(rows_ND, scale)


def wrong(bug: Bug) -> LossAndGrads:
    return bug(CALL, Dense())


def differ(found: LossAndGrads) -> set[str]:
    pairs = zip(LossAndGrads._fields[:3], found, RIGHT, strict=False)
    return {name for name, x, y in pairs if not np.array_equal(x, y)}


def test_the_right_answer_to_another_question() -> None:
    colder = CALL.but(log_scale=CALL.log_scale + 1)
    found = wrong(asked(lambda call: call.but(log_scale=call.log_scale + 1)))
    for x, y in zip(found, Dense()(colder), strict=True):
        np.testing.assert_array_equal(x, y)
    kept = wrong(rule(self_term="keep"))
    assert kept.loss > RIGHT.loss, "one more candidate"


def test_one_quantity_is_changed_in_its_dtype() -> None:
    found = wrong(changed("loss", lambda _, x: x + 1))
    assert differ(found) == {"loss"}
    assert found.loss == RIGHT.loss + 1
    whole = wrong(changed("loss", lambda _, x: np.float32(1)))
    assert whole.loss.dtype == RIGHT.loss.dtype


def test_a_quantity_in_another_dtype() -> None:
    found = wrong(cast("grads", "float32"))
    assert found.grads.dtype == np.float32
    assert differ(found) == {"grads"}


def test_a_gradient_that_is_too_large_under_a_condition() -> None:
    assert differ(wrong(only(lambda call: call.ids is None))) == set()
    found = wrong(only(lambda call: call.ids is not None))
    np.testing.assert_allclose(found.grads, 1.01 * RIGHT.grads, rtol=1e-15)
    assert differ(found) == {"grads"}


def test_what_a_wrong_step_changes_is_added() -> None:
    found = wrong(step(Doubled()))
    for x, y in zip(found[:3], Doubled()(CALL)[:3], strict=True):
        np.testing.assert_allclose(x, y, rtol=1e-12, atol=1e-13)
    assert differ(wrong(step(Doubled(), ("dlog_scale",)))) == {"dlog_scale"}
    assert differ(wrong(step(Dense()))) == set()


@pytest.mark.parametrize("factor", [0.5, 3.0])
def test_all_results_times_a_factor(factor: float) -> None:
    for x, y in zip(wrong(times(lambda _: factor))[:3], RIGHT[:3], strict=True):
        np.testing.assert_array_equal(x, factor * y)
