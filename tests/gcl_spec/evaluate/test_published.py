"""The figures of published benchmarks."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from gapped_space import PICTURES, T2I, TEXTS, gapped
from gcl_spec.errors import DataError, InputError
from gcl_spec.evaluate.calibrations.known import fit
from gcl_spec.evaluate.calibrations.rows import Rows, with_roles
from gcl_spec.evaluate.paper import COLUMNS
from gcl_spec.evaluate.published import average, measure
from gcl_spec.evaluate.trec_folder import Seen
from gcl_spec.tasks import mbeir, mixbench, mmeb
from gcl_spec.tasks.item import Item
from gcl_spec.tasks.mbeir_hashed import candidate_number, query_number
from gcl_spec.tasks.peers.mbeir import unit_rows
from gcl_spec.tasks.task import Task
from goldens import arrays, root_of
from goldens import read as golden

Encode = Callable[[Sequence[Item]], Any]


def drawn(items: Sequence[Item]) -> Any:
    """Unit rows that follow from the contents of items."""
    seeds = [sum(map(ord, str(item.content))) for item in items]
    rows = np.stack([np.random.default_rng(seed).normal(size=8) for seed in seeds])
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def stored_rows(tasks: Sequence[Task]) -> Encode:
    """The rows that the golden of M-BEIR has for queries and candidates."""
    found = arrays("mbeir/embeddings.npz")
    rows: dict[tuple[bool, int], Any] = {}
    for name in (key for key in found if key.endswith("/ids")):
        stored = unit_rows(found[name.removesuffix("ids") + "embeds"])
        rows |= {
            (name.startswith("test"), int(n)): row
            for n, row in zip(found[name], stored, strict=True)
        }

    def encode(items: Sequence[Item]) -> Any:
        asked = any(items is task.queries for task in tasks)  # ids of both sides are alike
        number = query_number if asked else candidate_number
        return np.stack([rows[asked, number(item.id)] for item in items])

    return encode


def test_figures_of_m_beir_are_those_of_its_own_code() -> None:
    tasks = mbeir.read(root_of("mbeir"))
    figures = measure(stored_rows(tasks), tasks, COLUMNS["mbeir"])
    wanted = {}
    for row in golden("mbeir/eval_all_metrics.json")["rows"]:
        metric = row[4].replace("Recall", "hit")
        wanted[row[2], "local", metric], wanted[row[2], "global", metric] = row[6], row[8]
    assert len(figures) == 12
    for figure in figures:
        value = float(wanted[figure.task, figure.column.split()[0], figure.metric])
        assert round(figure.band[1], 4) == value
        assert np.mean([*figure.per_query.values()]) == pytest.approx(figure.band[1])
    metrics = {figure.task: figure.metric for figure in figures if figure.column == "local hit@5"}
    assert metrics["fashion200k_task0"] == "hit@10"
    assert metrics["cirr_task7"] == "hit@5"
    assert {f.candidates for f in figures if f.column == "global hit@50"} == {172}


def test_queries_choose_among_their_own_candidates() -> None:
    (task,) = mmeb.read(root_of("mmeb"), ["CIRR"])
    (figure,) = measure(drawn, [task], COLUMNS["mmeb"])
    queries, candidates = drawn(task.queries), drawn(task.candidates)
    place = {item.id: n for n, item in enumerate(task.candidates)}
    for n, query in enumerate(task.queries):
        own = [place[id] for id in dict.fromkeys(task.choices[query.id])]
        scores = np.round(candidates[own] @ queries[n], 6)
        best = np.flatnonzero(scores == scores.max())
        assert figure.per_query[query.id] == pytest.approx((0 in best) / len(best))


def test_queries_without_an_answer_count_as_0_and_are_counted() -> None:
    (task,) = mixbench.read(root_of("mixbench"), ["MSCOCO"])
    for figure in measure(drawn, [task], COLUMNS["mixbench"]):
        assert figure.unanswerable == 2
        assert figure.per_query["6"] == figure.per_query["8"] == 0
        assert len(figure.per_query) == 12


def test_mixbench_has_both_ideals() -> None:
    pool = [Item(f"c{n}", text=f"c{n}") for n in range(12)]
    # The first candidate and the last one, which is not among the ten, are right.
    task = Task("t", [Item("q", text="q")], pool, {"q": frozenset({"c0", "c11"})})
    scores = np.linspace(1, 0, 12)

    def encode(items: Sequence[Item]) -> Any:
        if items is task.queries:
            return np.asarray([[1.0, 0.0]])
        return np.stack([scores, np.sqrt(1 - scores**2)], axis=1)

    whole, found = measure(encode, [task], COLUMNS["mixbench"])
    assert (whole.column, found.column) == ("local ndcg@10", "local ndcg-of-found@10")
    assert whole.band[1] == pytest.approx(1 / (1 + 1 / np.log2(3)))
    assert found.band == (1.0, 1.0, 1.0)


def test_a_candidate_with_the_querys_content_competes() -> None:
    twin = replace(T2I, candidates=(*T2I.candidates, Item("twin", text="ant")))
    (figure,) = measure(gapped(0.0), [twin], ["local hit@1"])
    assert figure.per_query["t-ant"] == 0.5
    assert figure.band == (0.75, 0.875, 1)
    assert average([figure], "local hit@1") == 0.875


def test_queries_and_candidates_are_calibrated_as_what_they_are() -> None:
    encode, seen = gapped(3.0), list[Seen]()
    asked, found = (Rows.single(n, encode(x)) for n, x in (("text", TEXTS), ("image", PICTURES)))
    mean = fit("mean", with_roles({"query": {"text": asked}, "candidate": {"image": found}}))
    measure(encode, [T2I], ["local hit@1"], mean, watch=seen.append)
    # Without the means that all texts, and all pictures, have in common.
    np.testing.assert_allclose(seen[0].scores_QC, (4 * np.eye(4) - 1) / 3, atol=1e-6)


def test_rows_that_are_not_finite_are_named() -> None:
    with pytest.raises(InputError, match="holds NaN or Inf"):
        measure(lambda items: np.full((len(items), 2), np.nan), [T2I], ["local hit@1"])
    with pytest.raises(DataError, match="no task"):
        measure(drawn, [], ["local hit@1"])
