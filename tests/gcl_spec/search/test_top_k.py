"""Exact search: the same ids whatever computes the products, and however rows are cut."""

import tracemalloc
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from brute_force import assert_same, brute_force
from gcl_spec.errors import InputError
from gcl_spec.search import Shard, TopK, top_k
from gcl_spec.search.bounds import gamma
from gcl_spec.search.numpy_products import NumpyMultiplier


def drawn(seed: int, queries: int, rows: int, width: int, kind: str):
    """Queries and rows: random ones, whole numbers with many ties, few kinds, unequal norms."""
    rng = np.random.default_rng(seed)
    queries_QD = rng.standard_normal((queries, width))
    rows_CD = rng.standard_normal((rows, width))
    if kind == "whole":
        queries_QD, rows_CD = np.round(queries_QD), np.round(rows_CD)
    if kind == "few":
        queries_QD, rows_CD = np.round(queries_QD), np.round(rows_CD[rng.integers(0, 3, rows)])
    if kind == "norms":
        rows_CD *= 10.0 ** rng.integers(-6, 6, (rows, 1))
    return queries_QD.astype(np.float32), rows_CD.astype(np.float32)


KINDS = st.sampled_from(("random", "whole", "few", "norms"))


class Wrong(NumpyMultiplier):
    """Products that are as wrong as the bound for float32 allows, each by another part of it."""

    def __init__(self, seed: int) -> None:
        self._rng = np.random.default_rng(seed)

    def products(self, blocks_QD, /, *, rows, device):
        made = super().products(blocks_QD, rows=rows, device=device)
        exact, rng = made.product, self._rng

        def product(block: int):
            width = blocks_QD[block].shape[1]
            here = np.linalg.norm(made._rows_CD.astype(float), axis=1)
            size = np.linalg.norm(blocks_QD[block].astype(float), axis=1)[:, None] * here
            part = rng.choice((-0.9, 0.9, 0.5), size.shape)
            true = blocks_QD[block].astype(float) @ made._rows_CD.astype(float).T
            out = exact(block)
            out[:] = true + part * gamma(width, 2.0**-24) * size
            return out

        made.product = product
        return made


@settings(max_examples=25)
@given(st.integers(0, 2**30), st.integers(1, 400), st.integers(1, 9), st.integers(1, 40), KINDS)
def test_it_is_the_sort_of_all_scores(seed, rows, width, k, kind) -> None:
    queries, candidates = drawn(seed, 5, rows, width, kind)
    wanted = brute_force(queries, candidates, k)
    for chunk in (None, 7, 100):
        assert_same(top_k(queries, candidates, k, rows=chunk), wanted)
    wrong = top_k(queries, candidates, k, rows=31, backend=Wrong(seed))
    assert_same(wrong, wanted)


def test_products_as_wrong_as_allowed_lose_nothing() -> None:
    queries, candidates = drawn(0, 40, 6000, 64, "random")
    candidates[3000:] = candidates[:3000] * np.float32(1 + 2.0**-22)  # nearly, but not, equal
    wanted = top_k(queries, candidates, 20)
    assert_same(wanted, brute_force(queries, candidates, 20))
    for rows in (500, 2000):
        found = top_k(queries, candidates, 20, rows=rows, backend=Wrong(rows))
        assert all(map(np.array_equal, found, wanted))


@settings(max_examples=15)
@given(st.integers(0, 2**30), st.integers(1, 30), KINDS)
def test_fewer_candidates_are_the_first_of_more(seed, rows, kind) -> None:
    queries, candidates = drawn(seed, 4, rows, 5, kind)
    more = top_k(queries, candidates, 15)
    for k in (1, 5):
        assert np.array_equal(top_k(queries, candidates, k).ids_QK, more.ids_QK[:, :k])


@settings(max_examples=20)
@given(st.integers(0, 2**30), st.data())
def test_a_filter_is_a_search_of_the_kept_rows(seed, data) -> None:
    queries, candidates = drawn(seed, 4, 60, 5, data.draw(KINDS))
    ids = np.random.default_rng(seed).permutation(200)[:60]
    modality = ["image" if n % 3 else "text" for n in range(60)]
    kept = np.array(data.draw(st.lists(st.booleans(), min_size=60, max_size=60)))
    kept[data.draw(st.integers(0, 59))] = True
    shards = [
        Shard(candidates[:25], ids_C=ids[:25], modality=modality[:25]),
        Shard(candidates[25:], ids_C=ids[25:], modality=modality[25:]),
    ]
    found = top_k(queries, shards, 7, ids=ids[kept], rows=9)
    assert_same(found, brute_force(queries, candidates[kept], 7, ids[kept]))
    images = np.array(modality) == "image"
    found = top_k(queries, shards, 7, modalities=["image"])
    assert_same(found, brute_force(queries, candidates[images], 7, ids[images]))
    if (kept & images).any():
        found = top_k(queries, shards, 7, ids=ids[kept], modalities=["image"])
        both = kept & images
        assert_same(found, brute_force(queries, candidates[both], 7, ids[both]))


def test_all_are_equal() -> None:
    """More ties than memory: the lowest ids, and how many K cuts, in memory that is bounded."""
    queries, candidates = np.ones((300, 16), np.float32), np.full((20_000, 16), 0.3, np.float32)
    ids = np.arange(20_000)[::-1]
    tracemalloc.start()
    found = top_k(queries, Shard(candidates, ids_C=ids), 10, memory="16MB")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (found.ids_QK == np.arange(10)).all()
    assert (found.cut_Q == 19_990).all()
    assert peak < 16e6


def test_memory_is_kept_with_random_rows() -> None:
    queries, candidates = drawn(1, 200, 30_000, 64, "random")
    tracemalloc.start()
    found = top_k(queries, candidates, 50, memory="12MB")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 12e6
    some = slice(None, None, 10)  # a score of each pair, sorted, takes hundreds of megabytes
    found = TopK(found.ids_QK[some], found.scores_QK[some], found.cut_Q[some])
    assert_same(found, brute_force(queries[some], candidates, 50))


def test_zero_rows_score_nothing() -> None:
    queries = np.array([[0.0, 0.0], [1.0, -1.0]], np.float32)
    candidates = np.array([[-1.0, 0.0], [0.0, 0.0], [0.0, 0.0], [3.0, 3.0]], np.float32)
    found = top_k(queries, candidates, 2)
    assert found.ids_QK.tolist() == [[0, 1], [1, 2]]
    assert found.scores_QK.tolist() == [[0.0, 0.0], [0.0, 0.0]]
    assert found.cut_Q.tolist() == [2, 1]
    assert top_k(queries[:1], candidates, 3).cut_Q.tolist() == [1]


@pytest.mark.parametrize(("factor", "by"), [(1e30, 1e30), (1e-30, 1e-30), (1e37, 1e-38)])
def test_sizes_at_which_float32_over_and_underflows(factor: float, by: float) -> None:
    queries, candidates = drawn(3, 6, 300, 20, "random")
    queries, candidates = queries * np.float32(factor), candidates * np.float32(by)
    wanted = brute_force(queries, candidates, 9)
    assert_same(top_k(queries, candidates, 9, rows=40), wanted)


def test_float64_is_searched_as_it_is() -> None:
    rng = np.random.default_rng(0)
    queries, base = rng.standard_normal((3, 8)), rng.standard_normal((1, 8))
    candidates = base + 1e-12 * rng.standard_normal((200, 8))  # all the same in float32
    assert_same(top_k(queries, candidates, 5, rows=30), brute_force(queries, candidates, 5))
    huge = top_k(queries * 2.0**300, candidates * 2.0**-400, 5)
    assert np.array_equal(huge.ids_QK, top_k(queries, candidates, 5).ids_QK)


def test_a_query_alone_finds_what_it_finds_among_others() -> None:
    """In other libraries results depend on the batch (nmslib 370) or on k (faiss 808)."""
    queries, candidates = drawn(5, 25, 900, 16, "few")
    together = top_k(queries, candidates, 12)
    for number in (0, 11, 24):
        alone = top_k(queries[number : number + 1], candidates, 12)
        assert all(np.array_equal(x[0], y[number]) for x, y in zip(alone, together, strict=True))


def test_layouts_of_arrays(tmp_path: Path) -> None:
    queries, candidates = drawn(6, 4, 200, 10, "whole")
    wanted = brute_force(queries, candidates, 6)
    strided = np.repeat(candidates, 2, axis=1)[:, ::2]
    fortran = np.asfortranarray(candidates)
    np.save(tmp_path / "rows.npy", fortran)
    frozen = candidates.copy()
    frozen.flags.writeable = False
    tensor = torch.from_numpy(candidates.copy())
    given = (strided, fortran, frozen, candidates.astype(">f4"), tensor, tmp_path / "rows.npy")
    for rows in (*given, str(tmp_path / "rows.npy"), [tensor[:50], frozen[50:]]):
        assert_same(top_k(queries, rows, 6, rows=64), wanted)
        assert_same(top_k(torch.from_numpy(queries), rows, 6, backend="torch"), wanted)
    assert_same(top_k(np.asfortranarray(queries)[:, :], candidates, 6), wanted)


def test_few_candidates() -> None:
    one = top_k(np.ones((2, 3), np.float32), np.ones((1, 3), np.float32), 10)
    assert one.ids_QK.tolist() == [[0], [0]]
    assert one.scores_QK.tolist() == [[3.0], [3.0]]
    assert one.cut_Q.tolist() == [0, 0]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"queries_QD": np.ones((1, 3))}, "queries are 3 wide, candidates 2"),
        ({"k": 0}, "k is 0"),
        ({"ids": []}, "no candidate to search"),
        ({"memory": 1000}, "give about"),
    ],
)
def test_what_is_refused(change: dict, said: str) -> None:
    given = {"queries_QD": np.ones((1, 2)), "candidates": np.ones((4, 2)), "k": 1}
    with pytest.raises(InputError, match=said):
        top_k(**{**given, **change})
