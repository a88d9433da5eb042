"""Every backend finds the ids that NumPy finds, whatever its settings."""

from collections.abc import Iterator

import ml_dtypes
import numpy as np
import pytest
import torch

from brute_force import assert_same, brute_force
from gcl_spec import registry
from gcl_spec.backend import SearchBackend
from gcl_spec.search import top_k


def space(seed: int = 0):
    """Unit rows with copies, and rows that differ in the last bits only."""
    rng = np.random.default_rng(seed)
    rows = rng.standard_normal((3000, 48))
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    rows = rows.astype(np.float32)
    rows[1000:1500] = rows[:500]
    rows[2000:2400] = np.nextafter(rows[:400], np.float32(2))
    return rows[rng.permutation(3000)[:30]], rows


def test_ids_are_those_of_numpy(backend_name: str) -> None:
    queries, rows = space()
    rows.setflags(write=False)  # as those of a mapped file
    wanted = top_k(queries, rows, 15)
    assert_same(wanted, brute_force(queries, rows, 15))
    for chunk in (None, 700):
        found = top_k(queries, rows, 15, backend=backend_name, rows=chunk)
        assert all(map(np.array_equal, found, wanted))


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_stored_values_count(backend_name: str, dtype: str) -> None:
    queries, rows = space(1)
    stored = rows.astype(ml_dtypes.bfloat16 if dtype == "bfloat16" else dtype)
    values = stored.astype(np.float32)
    assert not np.array_equal(values, rows)
    found = top_k(queries, stored, 10, backend=backend_name, rows=700)
    assert_same(found, brute_force(queries, values, 10))


def test_products_of_a_backend(backend_name: str) -> None:
    backend = registry.load(backend_name)
    assert isinstance(backend, SearchBackend)
    queries, rows = space(2)
    products = backend.products([queries[:20], queries[20:]], rows=700, device=None)
    for part in (rows[:700], rows[700:900]):
        products.take(part)
        for block, own in enumerate((queries[:20], queries[20:])):
            product = np.asarray(products.product(block))
            assert np.allclose(product, own @ part.T, atol=1e-6)
            least = np.quantile(product, 0.9, axis=1).astype(np.float32)
            places = products.at_least(block, least)
            assert np.array_equal(places, np.flatnonzero(product >= least[:, None]))


def test_a_torch_that_takes_no_read_only_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(rows: object) -> None:
        raise BufferError("Cannot export readonly array")

    monkeypatch.setattr("gcl_torch.search.products.from_dlpack", refuse)
    queries, rows = space(4)
    rows.setflags(write=False)
    found = top_k(queries, rows, 5, backend="torch", rows=700)
    assert all(map(np.array_equal, found, top_k(queries, rows, 5)))


@pytest.fixture
def coarse_torch() -> Iterator[None]:
    """What people set for training: bfloat16 products, autocast, another number of threads."""
    settings = (torch.backends.cuda.matmul, torch.backends.mkldnn.matmul)
    before, threads = [x.fp32_precision for x in settings], torch.get_num_threads()
    settings[0].fp32_precision, settings[1].fp32_precision = "tf32", "bf16"
    torch.set_num_threads(2)
    try:
        with torch.autocast("cpu", dtype=torch.bfloat16):
            yield
        assert [x.fp32_precision for x in settings] == ["tf32", "bf16"]
    finally:
        torch.set_num_threads(threads)
        for each, precision in zip(settings, before, strict=True):
            each.fp32_precision = precision


def test_settings_of_training_change_nothing(coarse_torch: None) -> None:
    queries, rows = space(3)
    found = top_k(queries, rows, 15, backend="torch", rows=700)
    assert all(map(np.array_equal, found, top_k(queries, rows, 15)))
