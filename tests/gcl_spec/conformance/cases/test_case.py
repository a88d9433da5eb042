"""Names of cases and of their objectives."""

from gcl_spec.conformance import describe
from gcl_spec.objective import PRESETS, Direction, Objective


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
