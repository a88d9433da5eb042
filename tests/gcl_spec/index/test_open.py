"""An index is opened by its path, without a model."""

from pathlib import Path

import pytest

import gcl_spec
from gcl_spec.errors import DataError
from indexed import added, write_folder


def test_a_path_is_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    added(tmp_path / "ix", write_folder(tmp_path / "data"))
    monkeypatch.setenv("HOME", str(tmp_path))
    index = gcl_spec.open_index("~/ix", run=tmp_path / "nowhere")
    assert len(index) == 4
    assert len(index.search(like="red.png")) == 3
    with pytest.raises(DataError, match="is no index"):
        gcl_spec.open_index(tmp_path / "data")
