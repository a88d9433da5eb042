"""The model of an index is that of a run, or the index is refused."""

from pathlib import Path

import numpy as np
import pytest

from gcl_spec.config.options import Config
from gcl_spec.errors import CheckpointError, DataError
from gcl_spec.index import open_index
from gcl_spec.index.adding import Adding
from gcl_spec.index.model import load_model
from gcl_spec.index.sources import items_of, origin_of
from gcl_spec.index.used import Used
from gcl_spec.run import load_run, loaded
from indexed import added, opened, write_folder
from trained import trained_run

USED = Used(device="cpu", allow_unverified=True)


def test_an_index_of_a_trained_run(tmp_path: Path) -> None:
    trained_run(tmp_path / "run")
    trained_run(tmp_path / "other", "train.seed=5")
    data = write_folder(tmp_path / "data")
    model = load_model(tmp_path / "run", USED)
    items = items_of(origin_of(str(data), None, model.config.data), model.config)
    assert Adding(tmp_path / "ix", model, items).run().added == 4
    index = open_index(tmp_path / "ix", device="cpu", allow_unverified=True)
    run = load_run(tmp_path / "run", device="cpu", allow_unverified=True)
    rows = run.encode(image=[str(data / "red.png")], text=["a red tile"])
    hit = index.search(data / "red.png", "a red tile", k=1)[0]
    assert hit.id == "red.png"
    assert hit.score == pytest.approx(1, abs=1e-5)
    np.testing.assert_allclose(
        [x.score for x in index.search(vector=rows[0])],
        [x.score for x in index.search(data / "red.png", "a red tile")],
        atol=1e-5,
    )
    other = open_index(tmp_path / "ix", run=tmp_path / "other", device="cpu", allow_unverified=True)
    with pytest.raises(
        DataError, match=r"holds embeddings of run, step 3 \(.*not of other, step 3"
    ):
        other.search(text="a")
    with pytest.raises(CheckpointError):
        load_model(tmp_path / "data", USED)


def test_the_tokenizer_is_made_once_for_all_queries(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    added(tmp_path / "ix", write_folder(tmp_path / "data"))
    index, made, collator = opened(tmp_path / "ix"), list[Config](), loaded.Collator

    def counted(config: Config) -> loaded.Collator:
        made.append(config)
        return collator(config)

    monkeypatch.setattr(loaded, "Collator", counted)
    for text in ("a red tile", "a note"):
        index.search(text=text)
    assert len(made) == 1
