"""The recall of approximate searches is measured against exact ones."""

from pathlib import Path

import numpy as np
import pytest

from gcl_spec.index import quality as module
from gcl_spec.index.approximate import build
from gcl_spec.index.quality import quality, quality_of
from gcl_spec.index.table import Row, Table, create_table
from gcl_spec.progress import Quiet


def test_recall_is_the_share_of_the_best(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    create_table(tmp_path, {"vector": 8}, "float32")
    table = Table(tmp_path, {"vector": 8}, "float32")
    rows = [Row(f"{n:03}", "text", None, None, 0, "0" * 32) for n in range(300)]
    vectors = np.random.default_rng(0).normal(size=(300, 8))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    table.put(rows, {"vector": vectors}, replaces=False)
    build(table, "vector", Quiet())
    assert quality_of(table, "vector") is None, "few items are searched exactly"
    monkeypatch.setattr(module, "EXACT_ROWS", 0)
    found = quality_of(table, "vector")
    assert found is not None
    assert (found.recall, found.queries) == (1, 20)
    found = quality(table, "vector", 5)
    assert found.recall == 1
    assert found.queries == 5
    assert min(found.milliseconds) > 0
    monkeypatch.setattr(module, "approximate", lambda *a: module.stream(*a)[:6])
    assert quality(table, "vector", 5).recall == pytest.approx(0.5)
    monkeypatch.setattr(module, "EXACT_ROWS", -1)
    table.delete([row.id for row in rows])
    assert quality_of(table, "vector") is None, "nothing is there to search for"
