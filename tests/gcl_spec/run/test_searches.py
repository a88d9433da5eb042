"""The searches of a run: those that its model can do, and a note on the others."""

from pathlib import Path

import pytest

from gcl_spec.config.toml import loads
from gcl_spec.errors import DataError
from gcl_spec.run.searches import searches_of
from tiles_on_disk import write_data


def test_tasks_of_a_folder_and_of_the_starter_set(tmp_path: Path) -> None:
    config = loads("", [])
    root, tasks, notes = searches_of(config.model, write_data(tmp_path / "tiles"))
    assert ([task.name for task in tasks], notes) == (["t2i"], ())
    assert root.read_bytes("3.png")
    assert len({task.kind for task in searches_of(config.model).tasks}) == 9


def test_what_the_model_has_no_embedding_of_is_left_out_with_a_note() -> None:
    config = loads("", ["model.modalities=['image', 'text']"])
    found = searches_of(config.model)
    assert {task.kind for task in found.tasks} == {
        f"{a}->{b}" for a in ("image", "text") for b in ("image", "text")
    }
    assert len(found.notes) == 1
    assert "asks for image+text" in found.notes[0]


def test_a_folder_without_tasks_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError):
        searches_of(loads("", []).model, tmp_path)
