"""UniIR's numbers and run files, to the last digit."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from gcl_spec.tasks.item import Item
from gcl_spec.tasks.mbeir import read
from gcl_spec.tasks.mbeir_hashed import candidate_number, query_number
from gcl_spec.tasks.peers.mbeir import RANKS, peer_metrics, run_lines, top_k, unit_rows
from gcl_spec.tasks.task import Task, union_pool
from goldens import GOLDENS, arrays, root_of
from goldens import read as golden

TASKS = {task.name: task for task in read(root_of("mbeir"))}


def rows_by_number(kind: str) -> dict[int, npt.NDArray[np.float16]]:
    """The stored rows of queries ("test") or candidates ("cand_pool"), by hashed id."""
    found = arrays("mbeir/embeddings.npz")
    names = [name.removesuffix("/ids") for name in found if name.startswith(f"{kind}/")]
    return {
        int(number): row
        for name in names
        if f"{name}/ids" in found
        for number, row in zip(found[f"{name}/ids"], found[f"{name}/embeds"], strict=True)
    }


QUERIES, CANDIDATES = rows_by_number("test"), rows_by_number("cand_pool")


def rows(task: Task, pool: Sequence[Item]) -> tuple[Any, Any]:
    asked = np.stack([QUERIES[query_number(item.id)] for item in task.queries])
    return asked, np.stack([CANDIDATES[candidate_number(item.id)] for item in pool])


def pools(task: Task) -> dict[str, Sequence[Item]]:
    return {"single": task.candidates, "union": union_pool([*TASKS.values()])}


@pytest.mark.parametrize("name", TASKS)
def test_every_number(name: str) -> None:
    task, found = TASKS[name], {}
    for kind, pool in pools(task).items():
        for k, value in peer_metrics(task, pool, *rows(task, pool)).items():
            found[f"Recall@{k}", kind] = value
    wanted = {}
    for row in golden("mbeir/eval_all_metrics.json")["rows"]:
        if row[2] == name:
            wanted[row[4], "single"], wanted[row[4], "union"] = float(row[6]), float(row[8])
    assert found == wanted
    assert len(found) == 2 * len(RANKS)


def test_the_default_metrics_are_the_tasks_own() -> None:
    table = golden("mbeir/eval_default_metrics.json")["rows"]
    for name, task in TASKS.items():
        ranks = [row[4].replace("Recall", "hit") for row in table if row[2] == name]
        assert list(task.metrics) == ranks


@pytest.mark.parametrize("name", TASKS)
def test_every_line_of_the_run_files(name: str) -> None:
    task = TASKS[name]
    k = max(int(metric[4:]) for metric in task.metrics)
    for kind, pool in pools(task).items():
        run = f"mbeir_{name}_{kind}_pool_test_k{k}"
        found = run_lines(task, pool, top_k(*rows(task, pool), k), run, int(name[-1]))
        wanted = (GOLDENS / "mbeir" / "run_files" / f"{run}_run.txt").read_text().splitlines()
        for line, other in zip(map(str.split, found), map(str.split, wanted), strict=True):
            assert (line[:4], line[5:]) == (other[:4], other[5:])
            assert float(line[4]) == pytest.approx(float(other[4]), abs=1e-6)


def test_a_pool_smaller_than_k_is_padded_with_what_is_never_relevant() -> None:
    numbers, scores = top_k(np.eye(2), np.eye(2), 3)
    assert numbers.tolist() == [[0, 1, -1], [1, 0, -1]]
    assert scores[0, 2] == np.finfo(np.float32).min
    task = Task("t", (Item("q", text="a"),), (Item("c", text="b"),), {"q": frozenset({"c"})})
    lines = list(run_lines(task, task.candidates, top_k(np.eye(1), np.eye(1), 2), "r", 1))
    assert lines[1].startswith("q Q0 -1:9999999 2 -3.4028234663852886e+38 r 1")


def test_a_zero_row_stays_zero_and_others_get_norm_1() -> None:
    found = unit_rows(np.asarray([[0, 0], [3, 4]], np.float16))
    assert found.tolist() == [[0, 0], [np.float32(0.6), np.float32(0.8)]]
    assert found.dtype == np.float32


def test_relevant_candidates_of_other_pools_count_in_the_union_alone() -> None:
    task = TASKS["oven_task6"]
    (query,) = [item for item in task.queries if item.id == "5:1"]
    assert task.qrels[query.id] == {"5:18"}
    assert task.elsewhere[query.id] == {"6:9999912"}
    pool = [Item("6:9999912", text="x"), Item("5:18", text="y")]
    first = Task("t", (query,), pool[1:], {"5:1": frozenset({"5:18"})}, elsewhere=task.elsewhere)
    candidates = np.asarray([[1.0, 0.0], [0.0, 1.0]])
    asked = np.asarray([[1.0, 0.0]])
    assert peer_metrics(first, pool, asked, candidates, [1]) == {1: 1.0}
    lonely = Task("t", (query,), pool[1:], {"5:1": frozenset()}, elsewhere=task.elsewhere)
    assert peer_metrics(lonely, pool[1:], asked, candidates[1:], [1]) == {1: 0.0}
