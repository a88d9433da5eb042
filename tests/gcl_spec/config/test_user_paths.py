"""Paths of options: home folders, names that are not UTF-8, and the same from every folder."""

import os
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gcl_spec.config import toml
from gcl_spec.config.cache_folder import cache_folder
from gcl_spec.config.options import Config, DataConfig
from gcl_spec.config.user_paths import PATHS, absolute, path_to_text, text_path, user_path
from gcl_spec.errors import ConfigError
from gcl_spec.train.adapter_widths import resolved

LATIN = os.fsdecode(b"d\xe9j\xe0")


@pytest.mark.parametrize("option", PATHS)
def test_the_home_folder_is_meant_in_every_path_option(
    option: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", "/home/me")
    section, key = option.split(".")
    for config in (
        toml.loads("", [f"{option}=~/x"]),
        toml.loads(f'{section}.{key} = "~/x"'),
    ):
        assert getattr(getattr(config, section), key) == "/home/me/x"
    assert cache_folder(DataConfig(cache="~/x")) == Path("/home/me/x")
    monkeypatch.setenv("GCL_CACHE", "~/y")
    assert cache_folder(DataConfig()) == Path("/home/me/y")


def test_a_home_folder_that_is_not_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os.path, "expanduser", lambda path: path)
    monkeypatch.delenv("GCL_CACHE", raising=False)
    with pytest.raises(ConfigError, match=r"\$HOME is not set"):
        toml.loads("", ["data.path=~/x"])
    with pytest.raises(ConfigError, match=r"GCL_CACHE or --set data\.cache=DIR"):
        cache_folder(DataConfig())


def test_a_folder_named_tilde_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("~x").mkdir()
    assert user_path("~x") == "~x"
    assert user_path("~nobody-of-this-name/x") == "~nobody-of-this-name/x"


@given(st.binary(max_size=12))
def test_every_name_of_a_file_comes_back_from_a_config(name: bytes) -> None:
    path = os.fsdecode(name)
    text = path_to_text(path)
    assert user_path(text.encode().decode()) == path


@pytest.mark.parametrize("path", [LATIN, f"/data/{LATIN}", "file:x", "~", "a b%41", "café"])
def test_configs_with_such_paths_come_back(path: str) -> None:
    config = Config(data=DataConfig(path=path, images=path, cache=path))
    config = replace(config, model=replace(config.model, path=path))
    text = toml.dumps(config)
    assert toml.loads(text.encode().decode()) == config


def test_file_uris_are_paths() -> None:
    for uri in ("file:///a%20b/c", "file:/a%20b/c", "file://localhost/a%20b/c"):
        assert toml.loads("", [f"data.path={uri}"]).data.path == "/a b/c"


def test_text_that_no_config_can_hold_is_refused() -> None:
    for option in ("data.columns.text", "train.attention", "model.kind"):
        with pytest.raises(ConfigError):
            toml.loads("", [f"{option}={LATIN}"])
    with pytest.raises(ConfigError, match=r"data\.path"):
        toml.loads("", ["data.path=a\ud800"])


def test_a_started_run_knows_its_paths_from_every_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("ck").mkdir()
    overrides = ["data.path=d/{0..3}.tar", "data.images=i", "data.cache=c", "model.path=ck"]
    config = resolved(toml.loads("", overrides))
    data = config.data
    found = (data.path, data.images, data.cache, config.model.path)
    assert found == tuple(f"{tmp_path}/{name}" for name in ("d/{0..3}.tar", "i", "c", "ck"))
    for name in ("openai/clip-vit-base-patch32", "tiny", ""):
        kept = absolute(toml.loads("", [f"model.path={name}"]))
        assert (kept.model.path, kept.data.path, kept.data.images) == (name, "starter", "")


def test_a_folder_has_a_name_for_libraries_that_take_only_text(tmp_path: Path) -> None:
    folder = tmp_path / LATIN
    folder.mkdir()
    (folder / "a").write_text("x")
    with text_path(folder) as place:
        str(place).encode()
        assert (place / "a").read_text() == "x"
    assert not place.exists()
    assert (folder / "a").exists()
    with text_path(tmp_path) as place:
        assert place == tmp_path
