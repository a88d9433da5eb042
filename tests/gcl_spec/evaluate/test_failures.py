"""What a model gets wrong, and which modality stood first."""

import numpy as np
import pytest

from gapped_space import I2T, NAMES, PICTURES, T2I, TEXTS, gapped
from gcl_spec.evaluate.evaluation import evaluate
from gcl_spec.evaluate.failures import Failures
from gcl_spec.evaluate.trec_folder import Seen
from gcl_spec.tasks.task import Item, Task


def test_a_gap_prefers_the_querys_own_modality() -> None:
    found = Failures()
    evaluate(gapped(3.0), [T2I, I2T], watch=found)
    assert found.preferred() == {
        "text->image": (4, {"text": 4}),
        "image->text": (4, {"image": 4}),
    }
    worst = found.worst()
    assert [x.kind for x in worst] == ["text->image"] * 2 + ["image->text"] * 2
    for failure in worst:
        assert failure.rank == 4, "behind the three other texts, or pictures"
        assert failure.candidates == 7, "all but the query itself"
        assert len(failure.found) == 3
        assert {item.modality for item in failure.found} == {failure.query.modality}
        assert failure.right.id[2:] == failure.query.id[2:]


def test_without_a_gap_nothing_is_wrong() -> None:
    found = Failures()
    evaluate(gapped(0.0), [T2I, I2T], watch=found)
    assert found.worst() == []
    assert found.preferred() == {"text->image": (4, {}), "image->text": (4, {})}


def seen(scores: list[list[float]], right: list[tuple[int, int]], out: object = ()) -> Seen:
    queries = tuple(Item(f"q{n}", text=name) for n, name in enumerate(NAMES[: len(scores)]))
    task = Task("t", queries, PICTURES, {q.id: frozenset({PICTURES[0].id}) for q in queries})
    left = np.asarray(out, int).reshape(-1, 2)
    gains = np.ones(len(right))
    return Seen(
        task, "global", PICTURES, slice(None), np.asarray(scores), np.asarray(right), gains, left
    )


def test_ranks_are_behind_ties_and_the_worst_are_kept_over_parts() -> None:
    found = Failures(a_kind=2)
    found(seen([[3, 2, 1, 0], [0, 0, 0, 0]], [(0, 0), (1, 0)]))
    found(seen([[2, 3, 1, 0], [1, 4, 3, 2]], [(0, 0), (1, 0)]))
    assert [x.rank for x in found.worst()] == [4, 4]
    assert [x.query.text for x in found.worst()] == ["bee", "bee"]
    assert found.worst()[0].found == (PICTURES[1], PICTURES[2], PICTURES[3])
    assert found.worst()[0].relevant == (False, False, False)
    assert found.preferred() == {"text->image": (4, {"image": 3})}


def test_what_is_left_out_is_no_failure() -> None:
    found = Failures()
    found(seen([[2, 3, 9, 0]], [(0, 0)], [(0, 1), (0, 2)]))
    assert found.worst() == []
    found(seen([[2, 3, 9, 0]], [(0, 0)], [(0, 0), (0, 2)]))
    (failure,) = found.worst()
    assert (failure.rank, failure.candidates) == (2, 3), "what is relevant is never left out"
    assert failure.found == (PICTURES[1], PICTURES[0], PICTURES[3])


def test_every_right_candidate_among_the_first_is_known() -> None:
    found = Failures()
    found(seen([[2, 3, 1, 0]], [(0, 0), (0, 2)]))
    (failure,) = found.worst()
    assert (failure.right, failure.rank) == (PICTURES[0], 2)
    assert failure.found == (PICTURES[1], PICTURES[0], PICTURES[2])
    assert failure.relevant == (False, True, True)


@pytest.mark.parametrize("pool", ["global", "local"])
def test_a_query_without_an_answer_is_not_among_them(pool: str) -> None:
    found = Failures()
    given = seen([[1, 2, 3, 4], [1, 2, 3, 4]], [(1, 0)])._replace(pool=pool)
    found(given)
    assert len(found.worst()) == (pool == "global")
    assert found.preferred() == ({"text->image": (1, {"image": 1})} if pool == "global" else {})
    assert TEXTS[0].text == "ant"
