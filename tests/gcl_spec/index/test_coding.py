"""Codes are scored as `gcl eval --quantise` scores them, and the best are found exactly."""

import numpy as np
import pytest

from gcl_spec._typing import FloatArray
from gcl_spec.evaluate.small.forms import FORMS
from gcl_spec.index.coding import BitCoding, Coding, Int8Coding, best_codes
from gcl_spec.search.quantise import int8_ranges

NONE = np.zeros((0, 2), np.int64)


def drawn(seed: int, scale: float = 1.0) -> tuple[FloatArray, FloatArray]:
    """Rows (70, 12), some of them equal, with a dimension that is wide and one that is constant."""
    rng = np.random.default_rng(seed)
    rows = rng.normal(size=(70, 12)).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    rows[:, 3] *= scale
    rows[:, 5] = 0.25
    rows[40:50] = rows[7]
    return rows, rng.normal(size=12).astype(np.float32)


def of_eval(form: str, rows: FloatArray, query: FloatArray) -> FloatArray:
    """The scores of all rows by the forms of an evaluation."""
    everything = np.arange(len(rows))
    scores = FORMS[form].store(rows, everything).scores(query[None], everything)
    pairs = np.stack([np.zeros(len(rows), np.int64), everything], axis=1)
    return scores.of(slice(0, 1), pairs, NONE)[0]


def coding_of(form: str, rows: FloatArray) -> Coding:
    return BitCoding(rows.shape[1]) if form == "binary" else Int8Coding(int8_ranges(rows))


@pytest.mark.parametrize("form", ["int8", "binary"])
@pytest.mark.parametrize("scale", [1, 1e-20, 1e4])
@pytest.mark.parametrize("seed", range(4))
def test_the_best_have_the_scores_and_order_of_an_evaluation(
    form: str, scale: float, seed: int
) -> None:
    rows, query = drawn(seed, scale)
    coding = coding_of(form, rows)
    codes = coding.encode(rows)
    assert codes.shape == (70, coding.size)
    want = of_eval(form, rows, query)
    order = np.lexsort((np.arange(70), -want))
    for k in (1, 9, 70, 99):
        best = best_codes(coding, query, codes, k)
        assert best.place_K.tolist() == order[:k].tolist()
        assert best.score_K.tolist() == want[order[:k]].tolist()
    keep = np.arange(70) % 3 == 0
    kept = best_codes(coding, query, codes, 9, keep_C=keep)
    assert kept.place_K.tolist() == [n for n in order.tolist() if keep[n]][:9]
    tied = best_codes(coding, query, codes, 9, ties=True)
    assert set(tied.place_K.tolist()) == set(np.flatnonzero(want >= want[order[8]]).tolist())


@pytest.mark.parametrize("seed", range(4))
def test_products_are_as_near_as_they_say(seed: int) -> None:
    rows, query = drawn(seed, 30.0)
    coding = coding_of("int8", rows)
    codes = coding.encode(rows)
    near, error = coding.products(query, codes)
    assert np.abs(near - coding.scores(query, codes)).max() <= error < 1e-2


@pytest.mark.parametrize("width", [12, 64, 70, 128])
def test_products_of_bits_are_their_scores(width: int) -> None:
    rng = np.random.default_rng(width)
    rows, query = rng.normal(size=(9, width)).astype(np.float32), rng.normal(size=width)
    coding = BitCoding(width)
    codes = coding.encode(rows)
    found, error = coding.products(query, codes)
    assert (found.tolist(), error) == (coding.scores(query, codes).tolist(), 0)


def test_what_is_read_back_is_near() -> None:
    rows, _ = drawn(0)
    coding = coding_of("int8", rows)
    step = np.ptp(rows, axis=0) / 255
    assert (np.abs(coding.decode(coding.encode(rows)) - rows) <= 0.501 * step + 1e-7).all()
    bits = coding_of("binary", rows)
    np.testing.assert_allclose(bits.decode(bits.encode(rows)), np.where(rows > 0, 1, -1) / 12**0.5)


def test_numbers_outside_of_ranges_become_their_ends_and_are_counted() -> None:
    coding = Int8Coding(np.asarray([[0.0, -1.0], [1.0, 1.0]], np.float32))
    rows = np.asarray([[0.5, 0.0], [1.5, -9.0], [1.0, 1.0]], np.float32)
    assert coding.outside(rows) == 2
    assert coding.encode(rows)[1].tolist() == [127, -128]
