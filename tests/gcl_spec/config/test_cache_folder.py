"""Where the cache lies, what its errors say, and folders that are made once."""

from pathlib import Path

import pytest

from gcl_spec.config.cache_folder import CACHE_OPTIONS, cache_errors, cache_folder, made_once
from gcl_spec.config.options import DataConfig
from gcl_spec.errors import FileError


def test_the_option_goes_before_the_variable_and_that_before_the_home_folder(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HOME", "/home/me")
    monkeypatch.setenv("GCL_CACHE", "/of/variable")
    assert cache_folder(DataConfig(cache="/of/option")) == Path("/of/option")
    assert cache_folder(DataConfig()) == Path("/of/variable")
    monkeypatch.delenv("GCL_CACHE")
    assert cache_folder(DataConfig()) == Path("/home/me/.cache/gcl-spec")


def test_errors_say_how_another_place_is_chosen() -> None:
    with pytest.raises(FileError) as caught, cache_errors():
        raise FileError("cannot write x")
    assert str(caught.value) == f"cannot write x: {CACHE_OPTIONS}"
    with pytest.raises(ValueError, match=r"^another$"), cache_errors():
        raise ValueError("another")


def test_a_folder_is_made_once(tmp_path: Path) -> None:
    made = []

    def make(folder: Path) -> None:
        made.append(folder)
        (folder / "file").write_text("content")

    for _ in range(2):
        assert made_once(tmp_path / "kept", make) == tmp_path / "kept"
        assert (tmp_path / "kept" / "file").read_text() == "content"
    assert len(made) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["kept"]


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(FileError, match="set the variable GCL_CACHE"):
        made_once(tmp_path / "file" / "kept", lambda folder: None)


def test_another_process_may_be_the_first(tmp_path: Path) -> None:
    def make(folder: Path) -> None:
        (tmp_path / "kept").mkdir()
        (tmp_path / "kept" / "file").write_text("theirs")
        (folder / "file").write_text("ours")

    assert made_once(tmp_path / "kept", make) == tmp_path / "kept"
    assert (tmp_path / "kept" / "file").read_text() == "theirs"
