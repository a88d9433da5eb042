"""A difference of one bit is found and named."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gcl_spec.config.options import Config, TrainConfig
from gcl_spec.evaluate.evaluation import METRICS, Report, TaskResult
from gcl_spec.run.compare_runs import compare, states
from gcl_spec.run.folder import RunFolder

REPORT = Report(
    (TaskResult("t", "text->image", "local", 1, 1, dict.fromkeys(METRICS, (0.0, 0.5, 1.0)),
                {m: {"q": 0.5} for m in METRICS}),),
    {"effective rank": 2.0},
)  # fmt: skip


def create(path: Path) -> RunFolder:
    state = {"step": np.asarray(3), "params/w": np.arange(6.0).reshape(2, 3)}
    config = Config(train=TrainConfig(steps=3))
    folder = RunFolder.create(path, config, state, REPORT, [])
    folder.write("after.json", json.dumps(REPORT.to_json()))
    folder.append_metrics({"step": 3, "loss": 0.5, "samples_per_s": float(len(path.name))})
    return folder


def test_equal_runs(tmp_path: Path) -> None:
    found = compare(create(tmp_path / "a"), create(tmp_path / "other"))
    assert [part.part for part in found] == ["metrics", "checkpoint", "before", "after"]
    assert [part.difference for part in found] == [None] * 4
    assert [part.count for part in found][:2] == [1, 7]


@pytest.mark.parametrize(
    ("name", "old", "new", "message"),
    [
        ("metrics.jsonl", "0.5", "0.25", "metrics.jsonl at [0]['loss']: 0.5 and 0.25"),
        ("metrics.jsonl", '"loss"', '"los"', "metrics.jsonl at [0]['loss']: there and missing"),
        ("after.json", "2.0", "2.5", "after.json at ['geometry']['effective rank']: 2.0 and 2.5"),
        ("before.json", '"t"', '"u"', "before.json at ['results'][0]['task']: \"t\" and \"u\""),
    ],
)
def test_the_first_difference_is_named(
    tmp_path: Path, name: str, old: str, new: str, message: str
) -> None:
    one, two = create(tmp_path / "a"), create(tmp_path / "b")
    two.write(name, (two.path / name).read_text().replace(old, new))
    (found,) = [part.difference for part in compare(one, two) if part.difference]
    assert str(found) == message


def test_lines_that_are_missing(tmp_path: Path) -> None:
    one, two = create(tmp_path / "a"), create(tmp_path / "b")
    one.append_metrics({"step": 4})
    assert str(compare(one, two)[0].difference) == "metrics.jsonl: 2 entries and 1 entries"


@given(st.integers(0, 47), st.integers(0, 7))
def test_every_bit_of_an_array_counts(byte: int, bit: int) -> None:
    one = {"params/a": np.zeros(2), "params/w": np.arange(6.0).reshape(2, 3), "step": np.asarray(1)}
    raw = bytearray(one["params/w"].tobytes())
    raw[byte] ^= 1 << bit
    two: dict[str, Any] = {**one, "params/w": np.frombuffer(bytes(raw)).reshape(2, 3)}
    found = states(one, two)
    assert found is not None
    row, column = divmod(byte // 8, 3)
    assert (found.entry, found.place) == ("params/w", f"[{row}, {column}]")
    assert found.one == repr(float(3 * row + column))
    assert states(one, one) is None


def test_other_entries_and_shapes() -> None:
    one = {"params/w": np.zeros(2), "step": np.asarray(1)}
    assert str(states(one, {"step": np.asarray(1)})) == "params/w: there and missing"
    assert "float64 (2,) and float64 (2, 1)" in str(
        states(one, {**one, "params/w": np.zeros((2, 1))})
    )
    assert str(states(one, {**one, "step": np.asarray(2)})) == "step at []: 1 and 2"
