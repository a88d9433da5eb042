"""What is measured of a search. No test looks at a time."""

from pathlib import Path

import numpy as np
import pytest

from gcl_spec.bench import search
from gcl_spec.bench.search import SearchCase, measure_search, unit_rows, write_rows
from gcl_spec.errors import ConfigError


def test_a_file_of_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search, "_BLOCK", 16)
    write_rows(tmp_path / "rows.npy", 50, 7)
    rows = np.load(tmp_path / "rows.npy")
    assert (rows.shape, rows.dtype) == ((50, 7), np.float32)
    assert len(np.unique(rows, axis=0)) == 50
    assert np.allclose(np.linalg.norm(rows, axis=1), 1)
    with pytest.raises(ConfigError, match="give another --folder"):
        write_rows(tmp_path / "rows.npy", 10**12, 1000)


def test_a_measurement(tmp_path: Path) -> None:
    write_rows(tmp_path / "rows.npy", 300, 8)
    case = SearchCase("numpy", str(tmp_path / "rows.npy"), 5, 4, "50MB", 1, 2, None)
    found = measure_search(case).to_json()
    assert len(found["search_s"]) == len(found["search_cpu_s"]) == 2
    assert len(found["product_s"]) == 3
    assert found["products"] == np.median(found["search_s"]) / np.median(found["product_s"])
    assert found["peak_mb"] > found["rise_mb"] >= 0
    assert found["cut"] == 0
    scores = unit_rows(5, 8, seed=0) @ np.load(tmp_path / "rows.npy").T
    ids = np.argsort(-scores, axis=1)[:, :4].astype(np.int64)
    assert found["ids"] == search.hashlib.sha256(ids.tobytes()).hexdigest()
