"""Rows that are stored are not computed again."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from embedding import MAKER, TileTrainer, work
from gcl_spec.errors import ConfigError, DataError
from gcl_spec.index.adding import Adding
from gcl_spec.index.embedded import embedded_items
from gcl_spec.index.model import Model
from gcl_spec.train.world import single
from indexed import model_of, opened, stored
from tiles_on_disk import write_data


def test_stored_rows_are_indexed(tmp_path: Path) -> None:
    data = write_data(tmp_path / "data")
    (data / "3.png").write_bytes(b"torn")
    work(data, tmp_path / "rows", items="train").run(single())
    model = model_of(tmp_path)
    done = Adding(tmp_path / "ix", model, embedded_items(tmp_path / "rows", model), size=5).run()
    assert (done.added, set(done.absent)) == (23, {"3"})
    assert "not a readable picture" in done.absent["3"]
    trainer = model.trainer
    assert isinstance(trainer, TileTrainer)
    assert trainer.calls == 0
    index = opened(tmp_path / "ix")
    row = index.get("5")
    assert (row.modality, row.text, row.image) == ("image+text", "a green tile 5", "5.png")
    assert index.search(data / "5.png", "a green tile 5", k=1)[0].id == "5"
    norms = np.linalg.norm(list(stored(tmp_path / "ix").values()), axis=1)
    np.testing.assert_allclose(norms, 1, rtol=1e-5)


def test_rows_of_others_are_refused(tmp_path: Path) -> None:
    data, base = write_data(tmp_path / "data"), model_of(tmp_path)
    work(data, tmp_path / "rows", replace(MAKER, weights="7" * 64)).run(single())
    with pytest.raises(DataError, match="holds embeddings of tiles"):
        embedded_items(tmp_path / "rows", base)
    work(data, tmp_path / "own").run(single())
    parts = {"mean": None}
    model = Model(base.maker, "", base.config, base.trainer, parts)  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="which calibrations need"):
        embedded_items(tmp_path / "own", model)
    # Of tasks the candidates alone are indexed.
    assert len(embedded_items(tmp_path / "own", base).listing) == 8
