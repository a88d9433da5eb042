"""Wrong backends: the checks must reject every one, or they prove nothing."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from gcl_reference.backend import ReferenceBackend
from gcl_spec.backend import LossAndGrads
from gcl_spec.conformance import Disagreement, check, fixed_cases, verify
from gcl_spec.objective import Objective

Change = Callable[[dict[str, Any], LossAndGrads], LossAndGrads]


class Mutant(ReferenceBackend):
    """The reference with its result changed, or with another objective."""

    name = "mutant"

    def __init__(
        self,
        change: Change | None = None,
        objective: Callable[[Objective], Objective] | None = None,
    ) -> None:
        self.change, self.objective = change, objective

    def loss_and_grads(self, z: Any, log_scale: Any, /, **options: Any) -> LossAndGrads:
        if self.objective is not None:
            options["objective"] = self.objective(options["objective"])
        found = super().loss_and_grads(z, log_scale, **options)
        inputs = {"z": z, "log_scale": log_scale, **options}
        return found if self.change is None else self.change(inputs, found)


def with_option(**changes: Any) -> Callable[[Objective], Objective]:
    def change(objective: Objective) -> Objective:
        names = {f: getattr(objective, f) for f in Objective.__dataclass_fields__}
        return Objective(**{**names, **changes})

    return change


def without_ids(inputs: dict[str, Any], found: LossAndGrads) -> LossAndGrads:
    options = {k: inputs[k] for k in ("objective", "present")}
    return ReferenceBackend().loss_and_grads(inputs["z"], inputs["log_scale"], **options)


def leak(inputs: dict[str, Any], found: LossAndGrads) -> LossAndGrads:
    present = inputs["present"]
    return (
        found if present is None else found._replace(grads=found.grads + 1e-9 * ~present[..., None])
    )


def tangential(inputs: dict[str, Any], found: LossAndGrads) -> LossAndGrads:
    """As if the loss normalised its rows."""
    z = np.nan_to_num(inputs["z"])
    norm = np.maximum((z * z).sum(-1, keepdims=True), 1e-300)
    return found._replace(grads=found.grads - (found.grads * z).sum(-1, keepdims=True) * z / norm)


MUTANTS = {
    "self term kept": Mutant(objective=with_option(self_term="keep")),
    "self term masked": Mutant(objective=with_option(self_term="mask")),
    "pool of the target only": Mutant(objective=with_option(pool="target")),
    "pool of all": Mutant(objective=with_option(pool="all")),
    "same sample dropped": Mutant(objective=with_option(same_sample="drop")),
    "same sample kept": Mutant(objective=with_option(same_sample="keep")),
    "weights ignored": Mutant(
        objective=lambda o: with_option(
            directions=tuple(type(d)(d.query, d.target) for d in o.directions)
        )(o)
    ),
    "balance ignored": Mutant(objective=with_option(balance="pair")),
    "duplicates dropped": Mutant(objective=with_option(duplicates="drop")),
    "ids ignored": Mutant(without_ids),
    "sum instead of mean": Mutant(lambda i, f: LossAndGrads(*(x * i["z"].shape[1] for x in f))),
    "loss doubled": Mutant(lambda i, f: f._replace(loss=2 * f.loss)),
    "gradient doubled": Mutant(lambda i, f: f._replace(grads=2 * f.grads)),
    "gradient halved": Mutant(lambda i, f: f._replace(grads=f.grads / 2)),
    "gradient without the scale": Mutant(
        lambda i, f: f._replace(grads=f.grads / np.exp(i["log_scale"]))
    ),
    "gradient of normalised rows": Mutant(tangential),
    "gradient of one modality lost": Mutant(
        lambda i, f: f._replace(grads=f.grads * (np.arange(len(f.grads)) > 0)[:, None, None])
    ),
    "gradient turned": Mutant(lambda i, f: f._replace(grads=np.roll(f.grads, 1, axis=1))),
    "d scale instead of d log_scale": Mutant(
        lambda i, f: f._replace(dlog_scale=f.dlog_scale / np.exp(i["log_scale"]))
    ),
    "dlog_scale negated": Mutant(lambda i, f: f._replace(dlog_scale=-f.dlog_scale)),
    "dlog_scale zero": Mutant(lambda i, f: f._replace(dlog_scale=0 * f.dlog_scale)),
    "missing rows get a gradient": Mutant(leak),
    "NaN": Mutant(lambda i, f: f._replace(grads=f.grads * np.nan)),
    "wrong shape": Mutant(lambda i, f: f._replace(grads=f.grads[0])),
}


@pytest.mark.parametrize("name", MUTANTS)
def test_mutant_is_rejected(reference: Any, name: str) -> None:
    found = []
    for case in fixed_cases():
        try:
            check(MUTANTS[name], reference, case, dtype="float64", device="cpu")
        except Disagreement as finding:
            found.append(str(finding))
    assert found, f"no case notices: {name}"
    assert all("mutant float64" in line for line in found)


def test_the_original_is_accepted(reference: Any) -> None:
    for case in fixed_cases():
        check(Mutant(), reference, case, dtype="float64", device="cpu")


def test_the_verdict_counts_disagreements(reference: Any) -> None:
    verdict = verify([MUTANTS["gradient doubled"]], reference)
    wrong = {row.quantity: row.disagree for row in verdict.rows}
    assert not verdict.agrees
    assert wrong["loss"] == 0
    assert wrong["grads"] > 20
    assert verify([Mutant()], reference).agrees
    assert not verify([], reference).agrees
