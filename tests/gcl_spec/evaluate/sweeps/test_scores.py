"""Sweeps as scores: the averages are the numbers of the sweep, and other pools are refused."""

from dataclasses import replace

import numpy as np
import pytest

from drawn_sweeps import drawn_sweep
from gcl_spec.errors import InputError
from gcl_spec.evaluate.comparison import AVERAGE, compare
from gcl_spec.evaluate.scores import of_report
from gcl_spec.evaluate.sweeps.scores import of_sweep
from reports import report


def test_averages_are_the_numbers_of_the_sweep() -> None:
    sweep = drawn_sweep(0)
    found = of_sweep("a", sweep)
    assert len(found.columns) == len(sweep.measured) + 1
    for one in sweep.measured:
        assert found.average(f"{one.name} hit@10") == pytest.approx(one.value, abs=1e-12)
    corner = found.columns["100:0:0 hit@10"]
    assert [task.task for task in corner] == ["by text", "by image+text"]
    first = [one.per_query[0] for one in sweep.measured]
    assert first[0] is None  # a picture has no picture to find
    asked = [x for x in first if x is not None]
    whole = found.columns["whole hit@10"][0].values
    assert whole["q0"] == pytest.approx(np.mean(asked), abs=1e-12)


def test_two_sweeps_are_compared_by_composition() -> None:
    first, other = of_sweep("a", drawn_sweep(0)), of_sweep("b", drawn_sweep(0, better=0.3))
    columns = first.chosen("hit@10", "70:20:10")
    assert columns == ("70:20:10 hit@10",)
    one = compare(first, [other], [*columns, "whole hit@10"])
    averages = [x for x in one if x.task == AVERAGE]
    assert [x.verdict for x in averages] == ["WIN", "WIN"]
    assert averages[0].after == pytest.approx(other.average(columns[0]), abs=1e-12)


def test_what_cannot_be_compared() -> None:
    sweep = drawn_sweep(0)
    found = of_sweep("a.json", sweep)
    with pytest.raises(InputError, match=r"b\.json: other pools than in a\.json"):
        compare(found, [of_sweep("b.json", replace(sweep, seed=1))], ["whole hit@10"])
    plain = of_report("r.json", report([1.0]))
    for pair in ((found, plain), (plain, found)):
        with pytest.raises(InputError, match=r"a\.json is a sweep, r\.json is none"):
            compare(pair[0], [pair[1]], pair[0].chosen("hit@10", None))
    with pytest.raises(InputError, match=r"no 1:2:3 hit@10; there are 100:0:0 hit@10, .*whole"):
        found.chosen("hit@10", "1:2:3")
    with pytest.raises(InputError, match="two queries"):
        of_sweep("a", replace(sweep, queries=(("q0", "image"),) * len(sweep.queries)))
    with pytest.raises(InputError, match="two compositions"):
        of_sweep("a", replace(sweep, measured=sweep.measured[:1] * 2))
