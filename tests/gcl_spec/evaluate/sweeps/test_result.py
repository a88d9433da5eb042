"""The numbers of a sweep, and its JSON."""

import json
from math import isnan

import pytest

from gcl_spec.errors import DataError
from gcl_spec.evaluate.sweeps.compositions import Composition
from gcl_spec.evaluate.sweeps.result import Measured, Sweep
from sweeps import SWEEP


def test_worst_best_and_means() -> None:
    assert (SWEEP.worst.name, SWEEP.best.name) == ("50:50", "100:0")
    assert SWEEP.spread == pytest.approx(0.375)
    assert SWEEP.best.band == (0.5, 0.75, 1.0)
    assert SWEEP.best.shares == (1.0, 0.0)
    alone = SWEEP.measured[2]
    assert isnan(alone.value)
    assert all(map(isnan, alone.shares))


def test_json_gives_it_back() -> None:
    data = json.loads(json.dumps(SWEEP.to_json(), allow_nan=False))
    assert Sweep.from_json(data) == SWEEP
    assert data["worst"] == {"composition": "50:50", "hit@10": [0.25, 0.375, 0.5]}
    assert data["measured"][0]["by query"]["text"]["top 10"] == [1.0, 0.0]


@pytest.mark.parametrize(
    "change",
    [
        {"measured": []},
        {"measured": [{"hit": 1}]},
        {"origin": 3},
        {"modalities": ["image"]},
        {"measured": SWEEP.to_json()["measured"][2:]},
    ],
)
def test_what_is_no_sweep(change: dict[str, object]) -> None:
    with pytest.raises(DataError, match="not a sweep of gcl eval --sweep"):
        Sweep.from_json({**SWEEP.to_json(), **change})
    with pytest.raises(DataError, match="not a sweep"):
        Sweep.from_json([])


def test_a_number_that_no_metric_has_is_refused() -> None:
    wild = Measured(Composition((1, 1)), (1, 1), 1, {"text": (0, 2, 3)}, {}, {"text": 1}, (2.0,))
    data = Sweep(("image", "text"), 2, 0, (("q", "text"),), (wild,)).to_json()
    with pytest.raises(DataError, match="not a sweep"):
        Sweep.from_json(data)
