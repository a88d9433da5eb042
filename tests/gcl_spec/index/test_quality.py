"""The recall of approximate searches is measured against exact ones."""

from pathlib import Path

import numpy as np
import pytest

from gcl_spec.index import quality as module
from gcl_spec.index.approximate import build
from gcl_spec.index.quality import quality
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
    found = quality(table, "vector", 5)
    assert found.recall == 1
    assert found.queries == 5
    assert min(found.milliseconds) > 0
    monkeypatch.setattr(module, "approximate", lambda *a: module.stream(*a)[:6])
    assert quality(table, "vector", 5).recall == pytest.approx(0.5)
