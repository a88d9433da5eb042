"""Rows that go round a ring: all gradients are the plain equation's, whoever has which samples."""

from functools import cache
from typing import Any

import numpy as np
import pytest

from processes import run
from ring_cases import CASES, RINGS, SIZES, TWICE, WIDE, alone, in_processes

EXACT = 1e-12
one_process = cache(alone)


@pytest.fixture(scope="module")
def results() -> list[dict[Any, Any]]:
    return run(in_processes, max(SIZES))


def near(have: Any, want: Any) -> None:
    """Hold an array against another by the norm of the difference."""
    assert have.shape == want.shape
    assert np.linalg.norm(have - want) <= EXACT * np.linalg.norm(want)


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize(("size", "kind"), RINGS)
def test_a_ring_is_the_plain_equation(
    results: list[dict[Any, Any]], size: int, kind: str, name: str
) -> None:
    loss, of_rows, shared = one_process(name)
    found = [results[rank][size, kind, name][0] for rank in range(size)]
    for value, _, _ in found:
        assert value == pytest.approx(loss, rel=EXACT)
    near(np.concatenate([gradients for _, gradients, _ in found]), of_rows.numpy())
    near(found[0][2], shared.numpy())


@pytest.mark.parametrize("size", SIZES)
def test_a_ring_gives_the_same_bits_again(results: list[dict[Any, Any]], size: int) -> None:
    for rank in range(size):
        for name in TWICE:
            (loss, of_rows, shared), again = results[rank][size, "uneven", name]
            assert loss == again[0] == results[0][size, "uneven", name][0][0], "on all, too"
            assert of_rows.tobytes() == again[1].tobytes()
            assert shared.tobytes() == again[2].tobytes()


def test_a_ring_gathers_sums_and_no_rows(results: list[dict[Any, Any]]) -> None:
    for rank in range(max(SIZES)):
        assert 0 < max(results[rank]["columns"]) < WIDE
