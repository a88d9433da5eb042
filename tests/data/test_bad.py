"""Bad samples are listed once each, also by a run that was killed and by several processes."""

import sys
from pathlib import Path

import pytest

from gcl_spec.data.bad import BadList, BadSample
from gcl_spec.errors import DataError

sys.path.insert(0, str(Path(__file__).parent))
from pieces import lines_of


def bad(n: int) -> BadSample:
    return BadSample(str(n), f"row {n}", "broken")


def test_a_resumed_run_lists_each_once_and_stops_at_the_same_step(tmp_path: Path) -> None:
    path = tmp_path / "bad.jsonl"
    first = BadList(0.02, 1000)
    first.add(0, [bad(1)])
    first.open(path)
    first.add(3, [bad(2), bad(1)])
    first.add(4, [bad(3)])
    path.write_bytes(path.read_bytes() + b'{"id": "4", "pla')  # killed while it wrote
    again = BadList(0.02, 1000)
    again.open(path)
    again.judge(3, met=100)
    with pytest.raises(DataError, match="3 of 100"):
        again.judge(4, met=100)
    again.add(3, [bad(2)])
    again.add(4, [bad(3)])
    again.add(5, [bad(4)])
    assert [(r["id"], r["step"]) for r in lines_of(path)] == [
        ("1", 0),
        ("2", 3),
        ("3", 4),
        ("4", 5),
    ]


def test_processes_share_a_list(tmp_path: Path) -> None:
    lists = [BadList(0.5, 1000) for _ in range(3)]
    for found in lists:
        found.open(tmp_path / "bad.jsonl")
    for n in range(30):
        lists[n % 3].add(n, [bad(n // 2)])
    assert [r["id"] for r in lines_of(tmp_path / "bad.jsonl")] == [str(n) for n in range(15)]
    lists[0].open(tmp_path / "bad.jsonl")
    assert lists[0].count(100) == 15
