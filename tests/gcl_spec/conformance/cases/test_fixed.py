"""The fixed cases hold every preset and option."""

from gcl_spec.conformance import fixed_cases
from gcl_spec.conformance.cases.drawn import drawn_cases
from gcl_spec.objective import PRESETS


def test_every_preset_and_option_is_a_case() -> None:
    fixed = [case.objective for case in fixed_cases()]
    assert set(PRESETS.values()) <= set(fixed)
    for found in (fixed, [case.objective for case in drawn_cases(30)]):
        assert {rule.reduction for rule in found} == {"mean", "sum"}
        pools = {(rule.pool_of(d), bool(d.pool)) for rule in found for d in rule.directions}
        words = {pool for pool in pools if isinstance(pool[0], str)}
        assert len(words) == 6, "each of three, of the objective and of a direction"
    assert any(isinstance(d.pool, tuple) for rule in fixed for d in rule.directions)
