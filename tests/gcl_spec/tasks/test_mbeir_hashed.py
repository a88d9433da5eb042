"""The integers by which UniIR stores embeddings."""

import pytest

from gcl_spec.errors import DataError
from gcl_spec.tasks.mbeir import read
from gcl_spec.tasks.mbeir_hashed import (
    candidate_id,
    candidate_number,
    query_id,
    query_number,
    with_hashed_ids,
)
from gcl_spec.tasks.mmeb import read as read_mmeb
from gcl_spec.tasks.task import union_pool
from goldens import arrays, root_of
from goldens import read as golden


def test_ids_are_those_of_the_peer() -> None:
    hashes = golden("mbeir/loader.json")["hashes"]
    for number, id in hashes["unhash_did"].items():
        assert candidate_id(int(number)) == id
    for id, number in hashes["did"].items():
        assert candidate_id(number) == id
    for id, number in hashes["qid"].items():
        assert query_id(number) == id


def test_integers_of_ids_are_those_of_the_peer() -> None:
    for id, number in golden("mbeir/loader.json")["hashes"]["qid"].items():
        assert query_number(id) == number
    for id, number in golden("mbeir/loader.json")["hashes"]["did"].items():
        assert candidate_number(id) == number
    assert query_number("6:499901") == 3499901
    with pytest.raises(DataError, match="below 500,000"):
        query_number("0:500000")
    for id in ("9", "9:", ":1", "x:1", "9:1:2", "9:\u0661", "-1:1"):
        with pytest.raises(DataError, match="no id of M-BEIR"):
            candidate_number(id)


def test_tasks_have_the_ids_of_the_stored_embeddings() -> None:
    plain = read(root_of("mbeir"), whole_union=True)
    hashed = with_hashed_ids(plain)
    stored = arrays("mbeir/embeddings.npz")
    for task in hashed:
        assert [int(q.id) for q in task.queries] == stored[f"test/{task.name}/ids"].tolist()
        assert {*task.qrels} == {q.id for q in task.queries}
    pool = union_pool(hashed)
    assert len(pool) == 172
    assert {*hashed[0].candidates} <= {*pool}
    assert hashed[3].elsewhere["2500001"] == {"69999912"}
    assert [c.content for c in pool] == [c.content for c in union_pool(plain)]
    with pytest.raises(DataError, match="M-BEIR"):
        with_hashed_ids(read_mmeb(root_of("mmeb"), ["CIRR"]))
