"""GR-CLIP's nDCG@10, to the last digit."""

from typing import Any

import numpy as np
import pytest

from gcl_spec.tasks.item import Item
from gcl_spec.tasks.mixbench import Corpus, read
from gcl_spec.tasks.peers.mixbench import Ndcg, mixed_rows, ndcg, peer_metrics
from goldens import arrays, root_of
from goldens import read as golden

EXPECTED = golden("mixbench/expected.json")
CORPORA: dict[Corpus, str] = {
    "script": "mixed by the script (seed 42)",
    "mixed whole": "mixed as in mixed_corpus.jsonl",
}


def results(subset: str, corpus: Corpus, alpha: float, gap_removed: bool) -> list[Ndcg]:
    given = arrays(f"mixbench/{subset}.npz")
    (task,) = read(root_of("mixbench"), [subset], corpus=corpus, text_queries=True)
    (whole,) = read(root_of("mixbench"), [subset], corpus="whole")
    number = {item.id: n for n, item in enumerate(whole.candidates)}
    own = [number[item.id] for item in task.candidates]
    texts, images = given["corpus_text"][own], given["corpus_image"][own]
    asked: dict[str, Any] = {"text": given["qry_text_mean"]}
    found: dict[str, Any] = {"text": given["doc_text_mean"], "image": given["doc_image_mean"]}
    queries = mixed_rows(
        task.queries, {"text": given["query_text"]}, alpha=1, means=asked if gap_removed else None
    )
    documents = mixed_rows(
        task.candidates,
        {"text": texts, "image": images},
        alpha=alpha,
        means=found if gap_removed else None,
    )
    return peer_metrics(task, queries, documents)


@pytest.mark.parametrize("subset", EXPECTED)
@pytest.mark.parametrize("corpus", CORPORA)
@pytest.mark.parametrize("alpha", [0.5, 0.3])
@pytest.mark.parametrize("kind", ["plain", "gap_removed"])
def test_every_number(subset: str, corpus: Corpus, alpha: float, kind: str) -> None:
    wanted = EXPECTED[subset][f"alpha={alpha}"][CORPORA[corpus]]
    found = results(subset, corpus, alpha, kind == "gap_removed")
    peer = [value.peer for value in found]
    np.testing.assert_allclose(peer, wanted["per_query"][kind], atol=1e-12)
    assert np.mean(peer) == pytest.approx(wanted[kind], abs=1e-12)
    judged = wanted.get(f"own NDCG@10 with all judged documents in the ideal: {kind}")
    if judged is not None:
        assert np.mean([value.judged for value in found]) == pytest.approx(judged, abs=1e-12)


def test_the_peers_ideal_is_too_high_with_several_right_answers() -> None:
    found = ndcg(np.arange(12.0)[::-1], np.asarray([1.0] + 10 * [0.0] + [1.0]), [1.0, 1.0])
    assert found.peer == 1.0
    assert found.judged == pytest.approx(1 / (1 + 1 / np.log2(3)))
    one = ndcg(np.arange(12.0), np.asarray([0.0] * 11 + [1.0]), [1.0])
    assert one == (1.0, 1.0)


def test_grades_are_gains_and_ties_share_them() -> None:
    found = ndcg(np.asarray([1.0, 1.0, 0.0]), np.asarray([2.0, 0.0, 1.0]), [2.0, 1.0])
    shared = 1 + 1 / np.log2(3) + 1 / 2
    assert found.judged == pytest.approx(shared / (2 + 1 / np.log2(3)))


def test_a_query_without_a_found_answer_has_0() -> None:
    assert ndcg(np.asarray([1.0]), np.asarray([0.0]), []) == (0.0, 0.0)
    assert ndcg(np.asarray([1.0]), np.asarray([0.0]), [1.0]) == (0.0, 0.0)
    assert ndcg(np.asarray([1.0]), np.asarray([-1.0]), [-1.0]) == (0.0, 0.0)


def test_alpha_is_the_weight_of_the_text() -> None:
    parts = {"text": np.asarray([[2.0, 0.0]]), "image": np.asarray([[0.0, 9.0]])}
    (row,) = mixed_rows([Item("a", "p.png", "t")], parts, alpha=0.75)
    np.testing.assert_allclose(row, np.asarray([3, 1]) / 10**0.5)
    (row,) = mixed_rows([Item("a", text="t")], parts, alpha=0.75)
    assert row.tolist() == [1, 0]
    means = {"text": np.asarray([0.5, 0.0]), "image": np.asarray([0.0, 1.0])}
    (row,) = mixed_rows([Item("a", "p.png", "t")], parts, alpha=0.5, means=means)
    assert row.tolist() == [1, 0]  # (.5, .5) less (.25, .5)


def test_a_pool_of_fewer_than_ten_has_a_number_where_the_peer_stops() -> None:
    assert ndcg(np.asarray([2.0, 1.0]), np.asarray([0.0, 1.0]), [1.0]).judged == 1 / np.log2(3)
