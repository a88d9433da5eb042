"""The metrics of a task's queries in a pool."""

from dataclasses import replace

import numpy as np
import pytest

from gcl_spec.evaluate.ranked import ranked
from gcl_spec.evaluate.trec_folder import Seen
from gcl_spec.tasks.task import Item, Task

POOL = tuple(Item(f"c{n}", image=f"{n}.png") for n in range(3))
TASK = Task(
    "t",
    (Item("p", text="one"), Item("q", text="two"), Item("r", text="three")),
    POOL,
    {"p": frozenset({"c0", "c1"}), "q": frozenset({"c2"}), "r": frozenset()},
    unjudged=frozenset("r"),
)
EYE = np.eye(3, dtype=np.float32)
ROWS = EYE[[1, 0, 0]], EYE
METRICS = ("hit@1", "ndcg@1", "mrr")


def test_values_are_those_of_queries_in_their_order() -> None:
    found = ranked(TASK, "local", POOL, ROWS, METRICS)
    assert found.unanswerable == 1
    # The others of q are tied: the second or third place.
    assert found.expected("mrr", TASK.queries) == pytest.approx({"p": 1.0, "q": 5 / 12, "r": 0.0})
    assert found.means("mrr") == pytest.approx((4 / 9, (1 + 5 / 12) / 3, 1 / 2))


def test_the_gains_of_ndcg_are_the_grades() -> None:
    graded = replace(TASK, grades={"p": {"c0": 4.0, "c1": 1.0}})
    for task, wanted in ((TASK, 1.0), (graded, 0.25)):
        found = ranked(task, "global", POOL, ROWS, METRICS)
        assert found.expected("ndcg@1", task.queries)["p"] == wanted
        assert found.expected("hit@1", task.queries)["p"] == 1.0


GRADED = replace(TASK, grades={"q": {"c2": 3.0}}, choices={"q": ("c1", "c2")})
LEFT_OUT = replace(TASK, left_out={"q": frozenset({"c1"})})


@pytest.mark.parametrize(("task", "mrr"), [(TASK, 5 / 12), (GRADED, 3 / 4), (LEFT_OUT, 1 / 2)])
def test_what_does_not_compete(task: Task, mrr: float) -> None:
    found = ranked(task, "local", POOL, ROWS, METRICS)
    assert found.expected("mrr", task.queries)["q"] == pytest.approx(mrr)


@pytest.mark.parametrize("task", [TASK, GRADED, LEFT_OUT])
@pytest.mark.parametrize("limit", ["evaluate.ranked._QUERIES", "search.exact._CHUNK_BYTES"])
def test_chunks_change_nothing(monkeypatch: pytest.MonkeyPatch, limit: str, task: Task) -> None:
    want = ranked(task, "local", POOL, ROWS, METRICS)
    monkeypatch.setattr(f"gcl_spec.{limit}", 1)
    found = ranked(task, "local", POOL, ROWS, METRICS)
    assert found.unanswerable == want.unanswerable
    for metric in METRICS:
        np.testing.assert_array_equal(found.bands[metric], want.bands[metric])


def test_all_scores_of_few_queries_are_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gcl_spec.evaluate.ranked._WHOLE_BYTES", 1)
    monkeypatch.setattr("gcl_spec.search.exact._CHUNK_BYTES", 1)
    seen: list[Seen] = []
    ranked(GRADED, "local", POOL, ROWS, METRICS, watch=seen.append)
    assert [part.part.start for part in seen] == [0, 1, 2]
    assert [part.gains_P.tolist() for part in seen] == [[1.0, 1.0], [3.0], []]
    assert [part.scores_QC.tolist() for part in seen] == [[[0, 1, 0]], [[1, 0, 0]], [[1, 0, 0]]]


def test_scores_that_are_equal_to_six_decimals_are_tied() -> None:
    near = EYE[[0]], np.asarray([[0.5], [0.5 + 2e-7], [0.5 - 2e-6]], np.float32) * EYE[[0, 0, 0]]
    task = Task("t", TASK.queries[:1], POOL, {"p": frozenset({"c0"})})
    found = ranked(task, "local", POOL, near, ["hit@1", "hit@2"])
    assert found.means("hit@1") == (0.0, 0.5, 1.0)
    assert found.means("hit@2") == (1.0, 1.0, 1.0)
