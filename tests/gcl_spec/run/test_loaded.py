"""A run that is loaded encodes pictures, texts and pairs, and the items of tasks."""

from pathlib import Path

import numpy as np
import pytest

from fake import FakeBackend
from gcl_spec.data.root import FolderRoot
from gcl_spec.errors import CheckpointError, InputError
from gcl_spec.progress import Quiet
from gcl_spec.run.loaded import encode_items, load_run
from gcl_spec.tasks.task import Item
from gcl_spec.train.training import run_training
from loop_config import fast

BACKEND = "fake:FakeBackend"


@pytest.fixture(scope="module")
def run(data_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("loaded")
    config = fast(data_folder, folder / "cache", "train.steps=5", "train.save_every=5")
    run_training(config, FakeBackend(), out=folder / "run")
    return folder / "run"


def test_steps(run: Path) -> None:
    assert load_run(run, backend=BACKEND).step == 5
    assert load_run(str(run), backend=BACKEND, step="5").step == 5
    with pytest.raises(CheckpointError, match="no checkpoint of step 4"):
        load_run(run, backend=BACKEND, step="4")
    with pytest.raises(CheckpointError):
        load_run(run.parent / "none", backend=BACKEND)


def test_a_changed_run_is_refused(run: Path, tmp_path: Path) -> None:
    import shutil

    copy = shutil.copytree(run, tmp_path / "run")
    with (copy / "config.toml").open("a") as file:
        file.write("# mine\n")
    with pytest.raises(CheckpointError):
        load_run(copy, backend=BACKEND)
    assert load_run(copy, backend=BACKEND, allow_unverified=True).step == 5


def test_items_of_tasks_are_encoded_from_cached_outputs(run: Path, data_folder: Path) -> None:
    loaded = load_run(run, backend=BACKEND)
    items = [Item("a", "0.png"), Item("b", None, "red"), Item("c", "0.png", "red")]
    rows = encode_items(loaded, FolderRoot(data_folder), items, Quiet())
    assert rows.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, rtol=1e-6)
    again = encode_items(loaded, FolderRoot(data_folder), items[::-1], Quiet())
    np.testing.assert_array_equal(again, rows[::-1])
    with pytest.raises(InputError):
        loaded.encode()
