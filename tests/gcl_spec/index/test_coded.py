"""Searches of codes, in memory and streamed, and those whose best are scored in full."""

from pathlib import Path

import numpy as np
import pytest

from gcl_spec.errors import ConfigError
from gcl_spec.index import coded as module
from gcl_spec.index.best import IN_FULL
from gcl_spec.index.coded import CodedSearching
from gcl_spec.index.coding import BitCoding, Coding, Int8Coding
from gcl_spec.index.exact import stream
from gcl_spec.index.hit import Found
from gcl_spec.index.table import Row, Table, create_table
from gcl_spec.search.bit_scores import RescoredScores
from gcl_spec.search.bits import to_bits
from gcl_spec.search.quantise import int8_ranges

COUNT, WIDTH = 240, 24
RNG = np.random.default_rng(3)
ROWS = RNG.normal(size=(COUNT, WIDTH)).astype(np.float32)
ROWS /= np.linalg.norm(ROWS, axis=1, keepdims=True)
ROWS[100:110] = ROWS[5]
QUERY = ROWS[5] + 0.1 * ROWS[6]
IDS = [f"{(7 * n) % COUNT:03}" for n in range(COUNT)]
KINDS = ["text" if n % 3 else "image" for n in range(COUNT)]
NONE = np.zeros((0, 2), np.int64)


def table(folder: Path, form: str, kind: str = "") -> Table:
    coding: Coding = BitCoding(WIDTH) if form == "binary" else Int8Coding(int8_ranges(ROWS))
    sizes = {"vector": coding.size}
    create_table(folder, sizes, form, {"whole": WIDTH} if kind else {}, kind)
    made = Table(folder, sizes, form, {"vector": coding}, kind)
    for start in range(0, COUNT, 80):  # a batch each
        part = slice(start, start + 80)
        rows = [Row(*x, "t", None, 0, "0" * 32) for x in zip(IDS[part], KINDS[part], strict=True)]
        made.put(rows, made.encoded({"vector": ROWS[part]}), replaces=False)
    return made


def search(made: Table, k: int, *, exact: bool = False, only: tuple[str, ...] = ()) -> list[Found]:
    return CodedSearching(made).nearest(QUERY, k, column="vector", only=only, exact=exact)


@pytest.mark.parametrize(("form", "kind"), [("int8", ""), ("binary", "float16")])
def test_codes_in_memory_and_streamed_are_the_same(
    tmp_path: Path, form: str, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = table(tmp_path, form, kind)
    for only in ((), ("text",), ("image+text",)):
        monkeypatch.setattr(module, "HELD_ROWS", COUNT)
        whole = search(made, COUNT, only=only)
        assert len(whole) == made.count(only)
        assert whole == sorted(whole, key=lambda x: (-x.score, x.id))
        assert {x.modality for x in whole} <= set(only or KINDS)
        few = search(made, 15, only=only)
        assert search(made, 5, only=only) == few[:5]
        if not kind:
            assert few == whole[:15]
        monkeypatch.setattr(module, "HELD_ROWS", COUNT - 1)
        for most in (0, 2**28):
            monkeypatch.setattr(module, "HELD_BYTES", most)
            for k in (5, COUNT):
                assert search(made, k, only=only) == (few[:5] if k == 5 else whole)


def test_the_best_by_bits_are_scored_in_full_as_in_an_evaluation(tmp_path: Path) -> None:
    made = table(tmp_path, "binary", "float32")
    bits = to_bits(QUERY[None])
    scores = RescoredScores(QUERY[None], bits, to_bits(ROWS), ROWS, most=IN_FULL)
    want = next(scores.of(slice(0, 1), NONE, NONE)[1])[1][0]
    order = np.lexsort((IDS, -want.round(12)))[:16]
    found = search(made, 16)
    assert [x.id for x in found] == [IDS[n] for n in order]
    np.testing.assert_allclose([x.score for x in found], want[order], rtol=1e-12)
    # A tie of eleven equal rows at the end of the first is not cut.
    assert len({x.score for x in found[:11]}) == 1


def test_an_exact_search_compares_whole_rows(tmp_path: Path) -> None:
    made = table(tmp_path / "a", "int8", "float16")
    assert search(made, 20, exact=True) == stream(made, "whole", QUERY, 20, ())
    alone = table(tmp_path / "b", "int8")
    with pytest.raises(ConfigError, match=r"holds int8 codes alone.* --rescore"):
        search(alone, 20, exact=True)


@pytest.mark.parametrize("kind", ["", "float16"])
@pytest.mark.parametrize("form", ["int8", "binary"])
def test_a_search_sees_the_newest_codes_and_a_table_without_rows(
    tmp_path: Path, form: str, kind: str
) -> None:
    made = table(tmp_path, form, kind)
    searching = CodedSearching(made)

    def first() -> list[str]:
        found = searching.nearest(QUERY, 1, column="vector", only=(), exact=False)
        return [x.id for x in found]

    (best,) = first()
    made.delete([best])
    assert first() != [best]
    made.delete(IDS)
    assert first() == []
    assert made.sample(3, "vector")[1].shape == (0, WIDTH)
