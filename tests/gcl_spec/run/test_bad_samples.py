"""Bad samples are listed once each, also by a run that was killed and by several processes."""

from pathlib import Path

import pytest

from gcl_spec.errors import DataError
from gcl_spec.run.bad_samples import BadList, BadSample, earlier
from gcl_spec.train.feed.order import Order
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
    again = BadList(0.002, 1000)
    again.open(path)
    again.judge(3, met=1000, whole=True)
    with pytest.raises(DataError, match="3 of 1000"):
        again.judge(4, met=1000, whole=True)
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


def test_a_share_below_the_limit_stops_no_run() -> None:
    for seed in range(200):
        order, found = Order(400, 32, seed), BadList(0.01, 400)
        for step in range(2 * order.steps_per_epoch):
            numbers = order.batch(step)[0].tolist()
            found.add(step, [bad(n) for n in numbers if n < 4])  # all that 1 % of 400 allows
            found.judge(step, met=32 * (step + 1), whole=step + 1 >= order.steps_per_epoch)


def test_a_share_far_above_the_limit_stops_early() -> None:
    for max_bad, met in ((0.01, 128), (0.0, 32)):
        found = BadList(max_bad, 10_000)
        found.add(0, [bad(n) for n in range(1 + int(0.08 * met))])
        with pytest.raises(DataError, match=f"of {met} samples"):
            found.judge(0, met=met)


def test_what_was_mended_no_longer_counts(tmp_path: Path) -> None:
    path = tmp_path / "bad.jsonl"
    first = BadList(0.01, 100)
    first.open(path)
    for step in range(4):
        first.add(step, [bad(step)])
    path.write_bytes(earlier(path.read_bytes(), 2))
    assert [r["step"] for r in lines_of(path)] == [0, 1]
    broken = {"row 0", "row 1"}
    again, later = (BadList(0.01, 100, lambda step, row: row.place in broken) for _ in range(2))
    again.open(path)
    with pytest.raises(DataError, match="2 of 100"):
        again.judge(5, met=100, whole=True)
    broken.remove("row 1")
    again = later
    again.open(path)
    again.judge(5, met=100, whole=True)
    again.add(6, [bad(7)])
    with pytest.raises(DataError, match="2 of 100"):
        again.judge(6, met=100, whole=True)
    assert earlier(b'no line of ours\n[]\n{"step": 0', 2) == b""
