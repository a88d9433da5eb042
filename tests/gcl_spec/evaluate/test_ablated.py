"""Rows of an ablation: means, deviations, and comparisons with a reference."""

import json

import pytest

from gcl_spec.errors import InputError
from gcl_spec.evaluate.ablated import AblationRow, against, row_of
from gcl_spec.evaluate.evaluation import Report
from reports import report

MANY = 40


def row(objective: str, hits: int, scale: str = "16", calibration: str = "none") -> AblationRow:
    values = [1.0] * hits + [0.0] * (MANY - hits)
    return row_of(objective, scale, calibration, [report(values), report(values)])


def test_a_row_is_compared_with_the_reference_of_its_own_setting() -> None:
    rows = [
        row("gcl", 10), row("clip", 30), row("gcl", 30, "100"), row("clip", 30, "100"),
        row("clip", 30, "16", "mean"), row_of("separation", "16", "none", [], ("seed 0: no",)),
    ]  # fmt: skip
    found = against(rows, "gcl")
    assert [one.objective for one in found] == [one.objective for one in rows]
    assert not found[0].differences
    assert found[1].differences is not None
    one = found[1].differences["global hit@10"]
    assert (one.difference, one.verdict) == (pytest.approx(0.5), "WIN")
    assert found[3].differences is not None
    assert found[3].differences["global hit@10"].verdict == "TIED"
    assert not found[4].differences, "no gcl with this calibration"
    assert not found[5].differences
    assert (found[5].seeds, found[5].failed) == (0, ("seed 0: no",))


def test_what_is_compared_is_the_average_of_all_searches() -> None:
    def two(first: float, second: float) -> AblationRow:
        tasks = [report([first] * 9, "a"), report([second] * 9, "b")]
        results = tuple(result for one in tasks for result in one.results)
        return row_of(f"{first} {second}", "16", "none", [Report(results, {})])

    found = against([two(0.0, 0.0), two(1.0, 0.0)], "0.0 0.0")[1]
    assert found.differences is not None
    assert found.differences["local hit@10"].difference == pytest.approx(0.5)
    assert found.value("local hit@10")[0] == pytest.approx(0.5)


def test_the_same_reference_for_none_changes_nothing() -> None:
    assert not any(one.differences for one in against([row("gcl", 3), row("clip", 9)], "pairwise"))
    assert not any(one.differences for one in against([row("gcl", 3)], "gcl"))


def test_json_has_what_the_table_has() -> None:
    found = against([row("gcl", 10), row("clip", 30)], "gcl")
    gcl, clip = (json.loads(json.dumps(one.to_json())) for one in found)
    assert gcl["columns"]["global hit@10"] == [0.25, 0.0]
    assert gcl["by_seed"] == [{"global hit@10": 0.25, "local hit@10": 0.25}] * 2
    assert clip["against"]["global hit@10"]["before"] == pytest.approx(0.25)
    assert gcl["against"] == {}


def test_seeds_of_other_queries_are_refused() -> None:
    with pytest.raises(InputError, match="other queries"):
        row_of("gcl", "16", "none", [report([1.0, 0.0]), report([1.0])])
