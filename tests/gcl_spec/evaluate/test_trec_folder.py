"""What was evaluated, as files of TREC's form: reading them gives the same numbers."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from gcl_spec.evaluate.evaluation import METRICS, evaluate
from gcl_spec.evaluate.published import measure
from gcl_spec.evaluate.trec_folder import TrecFolder
from gcl_spec.run.scored import scores_at
from gcl_spec.tasks.task import Item, Task

QUERIES = [Item(f"q{n}", text=f"text {n}") for n in range(4)]
CANDIDATES = [Item(f"c{n}", image=f"{n}.png") for n in range(6)]
TASK = Task(
    "a task/1",
    QUERIES,
    CANDIDATES,
    {
        "q0": frozenset({"c0", "c1"}),
        "q1": frozenset({"c2"}),
        "q2": frozenset({"c3"}),
        "q3": frozenset(),
    },
    grades={"q0": {"c0": 2.0, "c1": 1.0}},
    unjudged=frozenset({"q3"}),
    left_out={"q1": frozenset({"c0"})},
    choices={"q2": ("c3", "c4")},
)


def encode(items: Sequence[Item]) -> npt.NDArray[np.float32]:
    """Rows of few values, so that many scores are tied."""
    rng = np.random.default_rng(0)
    rows = {f"text {n}": rng.integers(0, 2, 3) + 0.5 for n in range(4)}
    rows |= {f"{n}.png": rng.integers(0, 2, 3) + 0.5 for n in range(6)}
    found = np.asarray([rows[item.text or item.image or ""] for item in items], np.float32)
    return found / np.linalg.norm(found, axis=1, keepdims=True)


@pytest.mark.parametrize("metric", METRICS)
def test_a_report_and_its_files_say_the_same(tmp_path: Path, metric: str) -> None:
    report = evaluate(encode, [TASK], watch=TrecFolder(tmp_path, "my run"))
    found, notes = scores_at(tmp_path, metric=metric)
    assert notes == ()
    for result in report.results:
        (task,) = found.columns[f"{result.pool} {metric}"]
        assert task.task == TASK.name
        wanted = result.per_query[metric]
        assert task.values == {query: pytest.approx(x, abs=1e-12) for query, x in wanted.items()}


def test_a_table_and_its_files_have_the_same_ndcg(tmp_path: Path) -> None:
    fine = replace(TASK, grades={"q0": {"c0": 1 / 3, "c1": 2.0}})
    (figure,) = measure(encode, [fine], ["local ndcg@10"], watch=TrecFolder(tmp_path, "a"))
    (task,) = scores_at(tmp_path, metric="ndcg@10")[0].columns["local ndcg@10"]
    assert task.values == {q: pytest.approx(x, abs=1e-12) for q, x in figure.per_query.items()}
    (plain,) = measure(encode, [replace(TASK, grades={})], ["local ndcg@10"])
    assert abs(figure.per_query["q0"] - plain.per_query["q0"]) > 0.01, "grades count"


def test_the_lines(tmp_path: Path) -> None:
    measure(encode, [TASK], ["local hit@1"], watch=TrecFolder(tmp_path, "my run", depth=2))
    names = sorted(file.name for file in tmp_path.iterdir())
    assert names == ["a%20task%2F1.local.qrels", "a%20task%2F1.local.run"]
    qrels = (tmp_path / names[0]).read_text().splitlines()
    assert qrels[:4] == ["q0 0 c0 2", "q0 0 c1 1", "q1 0 c2 1", "q2 0 c3 1"]
    assert qrels[4].startswith("q3 0 c")
    assert qrels[4].endswith(" 0"), "it has nothing to find"
    run = [line.split() for line in (tmp_path / names[1]).read_text().splitlines()]
    assert len(run) == 8, "two of each query"
    assert [line[3] for line in run] == ["1", "2"] * 4
    assert {line[5] for line in run} == {"my_run"}
    assert "c0" not in {line[2] for line in run if line[0] == "q1"}, "it is left out"
    assert {line[2] for line in run if line[0] == "q2"} == {"c3", "c4"}, "its choices"
