"""Known bugs injected into backends: the checks must notice every one, or they prove nothing."""

import re
from typing import Any

import numpy as np
import pytest

from gcl_reference.backend import ReferenceBackend
from gcl_spec import registry
from gcl_spec.backend import Backend, LossAndGrads
from gcl_spec.conformance import Case, check_case, describe, fixed_cases, quick_cases, verify
from gcl_spec.conformance.bugs.all import BUGS, Mutant
from gcl_spec.conformance.bugs.dense import Call, Dense
from gcl_spec.conformance.bugs.self_test import self_test
from gcl_spec.conformance.cases.drawn import drawn_cases
from gcl_spec.objective import GCL, PRESETS, Direction, Objective


class DenseBackend(ReferenceBackend):
    """The right steps of `Dense` as a backend."""

    name = "dense"

    def loss_and_grads(self, z: Any, log_scale: Any, /, **options: Any) -> LossAndGrads:
        with np.errstate(divide="ignore"):
            return Dense()(Call(z, log_scale, **options))


def test_there_are_many() -> None:
    assert len(BUGS) >= 90


def test_every_preset_and_option_is_a_case() -> None:
    fixed = [case.objective for case in fixed_cases()]
    assert set(PRESETS.values()) <= set(fixed)
    for found in (fixed, [case.objective for case in drawn_cases(30)]):
        assert {rule.reduction for rule in found} == {"mean", "sum"}
        pools = {(rule.pool_of(d), bool(d.pool)) for rule in found for d in rule.directions}
        assert len(pools) == 6, "each of three, of the objective and of a direction"


def test_descriptions_tell_objectives_apart() -> None:
    two = ("image", "text")
    named = {
        "separation": PRESETS["separation"],
        "sum": Objective(reduction="sum"),
        "weighted sum": Objective(
            directions=tuple(Direction(d.query, d.target, 2.0) for d in Objective().directions),
            reduction="sum",
        ),
        "M=2 T=1 pools": Objective(two, (Direction(*two, pool="query"),)),
        "gcl": Objective(directions=Objective().directions[::-1]),
    }
    assert {describe(objective): objective for objective in named.values()} == named


@pytest.mark.parametrize("name", ["reference", "torch"])
def test_the_telling_cases_notice_every_bug(name: str, reference: Backend) -> None:
    found = list(self_test(registry.load(name), reference))
    assert [catch.bug for catch in found] == list(BUGS)
    assert [catch.bug for catch in found if catch.case is None] == []


def test_bugs_keep_the_dtype_unless_it_is_the_bug(reference: Backend) -> None:
    """Or they would be noticed for their dtype alone."""
    case = next(case for case in quick_cases() if case.name == "one sample")
    z, log_scale = case.z_MBD.astype("float32"), np.asarray(case.log_scale, "float32")
    for name, bug in BUGS.items():
        found = Mutant(reference, bug).loss_and_grads(z.copy(), log_scale.copy(), objective=GCL)
        if not re.search("in float(16|64)$", name):
            assert {x.dtype for x in found} == {z.dtype}, name


def test_a_bug_that_no_case_shows_survives(reference: Backend) -> None:
    def rare(call: Call, compute: Any) -> LossAndGrads:
        found = compute(call)
        return found._replace(loss=found.loss + (call.z_MBD.shape == (7, 7, 7)))

    (catch,) = self_test(reference, reference, bugs={"rare": rare})
    assert catch.case is None


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_the_right_steps_are_accepted(reference: Backend, dtype: str) -> None:
    for case in fixed_cases():
        check_case(DenseBackend(), reference, case, dtype=dtype, device="cpu")
        check_case(Mutant(reference), reference, case, dtype=dtype, device="cpu")


@pytest.mark.parametrize(
    "bug", ["logits rounded to bfloat16", "transposed pool", "exp without a shift"]
)
def test_a_mutant_is_right_where_its_step_does_not_matter(reference: Backend, bug: str) -> None:
    harmless = Case("equal", np.ones((3, 4, 1)), 0.0, quick_cases()[0].objective)
    check_case(Mutant(reference, BUGS[bug]), reference, harmless, dtype="float32", device="cpu")


def test_the_verdict_counts_disagreements(reference: Backend) -> None:
    verdict = verify([Mutant(reference, BUGS["gradient doubled"])], reference)
    wrong = {row.quantity: row.disagree for row in verdict.rows}
    assert not verdict.agrees
    assert wrong["loss"] == 0
    assert wrong["grads"] > 20
    assert verify([Mutant(reference)], reference).agrees
    assert not verify([], reference).agrees
