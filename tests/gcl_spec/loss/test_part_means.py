"""The running means of rows: sums that processes add up, and the step of a mean."""

import numpy as np
import torch
from array_api_compat import numpy as numpy_namespace
from array_api_compat import torch as torch_namespace
from hypothesis import given
from hypothesis import strategies as st

from gcl_spec.loss.part_means import RATE, by_modality, moved, row_totals

NAMES = ("image", "text")


def drawn(seed: int, count: int) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    rng = np.random.default_rng(seed)
    rows = {name: rng.normal(size=(count, 3)) for name in NAMES}
    return rows, {name: rng.random(count) < 0.6 for name in NAMES}


@given(st.integers(0, 2**32 - 1), st.integers(1, 9), st.integers(0, 9))
def test_the_totals_of_parts_add_up_to_those_of_all(seed: int, count: int, cut: int) -> None:
    rows, here = drawn(seed, count)
    whole = row_totals(rows, here, NAMES, xp=numpy_namespace)
    halves = [
        row_totals(
            {n: x[part] for n, x in rows.items()},
            {n: x[part] for n, x in here.items()},
            NAMES,
            xp=numpy_namespace,
        )
        for part in (slice(0, cut), slice(cut, None))
    ]
    np.testing.assert_allclose(halves[0] + halves[1], whole, atol=1e-12)
    for i, name in enumerate(NAMES):
        units = rows[name] / np.linalg.norm(rows[name], axis=1, keepdims=True)
        np.testing.assert_allclose(whole[i, :-1], units[here[name]].sum(axis=0), atol=1e-12)
        assert whole[i, -1] == here[name].sum()


@given(st.integers(0, 2**32 - 1), st.integers(1, 100))
def test_the_first_hundred_steps_have_the_plain_mean(seed: int, steps: int) -> None:
    rng = np.random.default_rng(seed)
    batches = rng.normal(size=(steps, 2, 3))
    means, counts = np.zeros((2, 3)), np.zeros(2, np.int32)
    for batch in batches:
        totals = np.concatenate([4 * batch, np.full((2, 1), 4.0)], axis=1)
        means, counts = moved(means, counts, totals, xp=numpy_namespace)
    np.testing.assert_allclose(means, batches.mean(axis=0), atol=1e-9)
    assert counts.tolist() == [steps, steps]
    assert counts.dtype == np.int32


def test_a_long_run_forgets() -> None:
    totals = np.asarray([[2.0, 2.0]])
    means, counts = moved(np.zeros((1, 1)), np.asarray([10**6]), totals, xp=numpy_namespace)
    assert means.tolist() == [[RATE]]
    assert counts.tolist() == [10**6 + 1]


def test_a_modality_without_finite_rows_stays() -> None:
    totals = np.asarray([[0.0, 0.0, 0.0], [np.nan, 1.0, 2.0], [1.0, 1.0, 2.0]])
    before = np.asarray([[0.1, 0.2]] * 3)
    means, counts = moved(before, np.asarray([3, 3, 3]), totals, xp=numpy_namespace)
    np.testing.assert_array_equal(means[:2], before[:2])
    np.testing.assert_allclose(means[2], [0.2, 0.275])
    assert counts.tolist() == [3, 3, 4]


def test_other_frameworks_move_alike() -> None:
    rows, here = drawn(1, 5)
    want = row_totals(rows, here, NAMES, xp=numpy_namespace)
    tensors = [{n: torch.from_numpy(x) for n, x in given_.items()} for given_ in (rows, here)]
    found = row_totals(*tensors, NAMES, xp=torch_namespace)
    np.testing.assert_allclose(found.numpy(), want, atol=1e-12)
    means, counts = moved(
        torch.zeros((2, 3), dtype=torch.float64),
        torch.zeros(2, dtype=torch.int32),
        found,
        xp=torch_namespace,
    )
    wanted = moved(np.zeros((2, 3)), np.zeros(2, np.int32), want, xp=numpy_namespace)
    np.testing.assert_allclose(means.numpy(), wanted[0], atol=1e-12)
    assert (counts.dtype, counts.tolist()) == (torch.int32, wanted[1].tolist())


def test_no_means_are_of_no_modality() -> None:
    assert by_modality(None, NAMES) == {}
