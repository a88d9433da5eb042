"""Which run is better: verdicts, corrections, and the mirror image."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gcl_spec.errors import InputError
from gcl_spec.evaluate.comparison import AVERAGE, compare
from gcl_spec.evaluate.scores import Scores, TaskScores

COLUMN = "local hit@10"


def scores(name: str, **tasks: list[float]) -> Scores:
    found = [
        TaskScores(task, task, {f"q{n}": x for n, x in enumerate(values)})
        for task, values in tasks.items()
    ]
    return Scores(name, {COLUMN: tuple(found)})


def test_the_same_run_twice_is_tied() -> None:
    one = scores("a", t=[1.0, 0.0, 1.0], u=[0.5])
    for found in compare(one, [one], [COLUMN]):
        assert found.verdict == "TIED"
        assert (found.low, found.high, found.wins, found.losses) == (0.0, 0.0, 0, 0)
        assert (found.p_value, found.difference) == (1.0, 0.0)


def test_a_win_a_loss_and_their_average() -> None:
    first = scores("a", t=[0.0] * 12, u=[1.0] * 12)
    other = scores("b", t=[1.0] * 10 + [0.0] * 2, u=[0.0] * 10 + [1.0] * 2)
    win, worse, average = compare(first, [other], [COLUMN])
    assert (win.verdict, win.wins, win.losses, win.queries) == ("WIN", 10, 0, 12)
    assert (worse.verdict, worse.wins, worse.losses) == ("WORSE", 0, 10)
    assert win.p_value == 2 / 2**10
    assert win.corrected == worse.corrected == 4 / 2**10, "two tasks"
    assert win.difference == pytest.approx(10 / 12)
    assert 0.5 < win.low < win.difference <= win.high <= 1
    assert (average.task, average.verdict, average.difference) == (AVERAGE, "TIED", 0.0)
    assert average.low == pytest.approx(-average.high, abs=0.02)


def test_a_single_query_says_nothing_of_the_next_one() -> None:
    only, average = compare(scores("a", t=[0.0]), [scores("b", t=[1.0])], [COLUMN])
    assert (only.low, only.high, only.p_value, only.verdict) == (-1.0, 1.0, 1.0, "TIED")
    assert (average.low, average.high) == (-1.0, 1.0)


def test_more_runs_are_corrected_together() -> None:
    first, other = scores("a", t=[0.0] * 6), scores("b", t=[1.0] * 6)
    assert compare(first, [other], [COLUMN])[-1].verdict == "WIN"
    both = compare(first, [other, replace(other, name="c")], [COLUMN])
    assert [one.corrected for one in both] == [4 / 2**6] * 4
    assert {one.verdict for one in both} == {"TIED"}
    with pytest.raises(InputError, match="nothing to compare"):
        compare(first, [], [COLUMN])


@settings(max_examples=8, deadline=None, derandomize=True)
@given(st.integers(0, 2**32 - 1), st.booleans())
def test_the_other_way_round_is_the_mirror_image(seed: int, hits: bool) -> None:
    rng = np.random.default_rng(seed)

    def drawn() -> list[float]:
        found = rng.random(int(size)) if not hits else rng.integers(0, 2, int(size))
        return [float(x) for x in found]

    size = 5
    tasks_a, tasks_b = {}, {}
    for name in ("t", "u", "v"):
        size = rng.integers(1, 40)
        tasks_a[name], tasks_b[name] = drawn(), drawn()
    a, b = scores("a", **tasks_a), scores("b", **dict(reversed(tasks_b.items())))
    ahead, back = compare(a, [b], [COLUMN]), {o.task: o for o in compare(b, [a], [COLUMN])}
    for one in ahead:
        other = back[one.task]
        assert (one.low, one.high) == pytest.approx((-other.high, -other.low), abs=1e-12)
        assert one.difference == pytest.approx(-other.difference, abs=1e-12)
        assert (one.wins, one.losses) == (other.losses, other.wins)
        assert (one.p_value, one.corrected) == (other.p_value, other.corrected)
        mirrored = {"WIN": "WORSE", "WORSE": "WIN", "TIED": "TIED"}
        assert one.verdict == mirrored[other.verdict]
