"""Checkpoint folders: local, from the hub's cache, refused; weights of every type."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import huggingface_hub
import numpy as np
import pytest
from huggingface_hub import errors
from safetensors.numpy import save_file

from gcl_spec.errors import DataError
from gcl_spec.models.hub import model_folder

COMMIT = "0123456789abcdef0123456789abcdef01234567"


def checkpoint(folder: Path) -> Path:
    folder.mkdir(parents=True)
    (folder / "config.json").write_text("{}")
    save_file({"a": np.arange(3, dtype=np.float32)}, folder / "model.safetensors")
    return folder


def test_a_local_folder_is_taken_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = checkpoint(tmp_path / "some" / "model")
    assert model_folder(str(folder)) == folder
    monkeypatch.chdir(tmp_path)
    assert model_folder("some/model") == Path("some/model"), "a folder goes before a hub id"
    monkeypatch.setenv("HOME", str(tmp_path))
    assert model_folder("~/some/model") == folder


@pytest.mark.parametrize("name", ["/no/such/folder", "missing", "./a/b", "a/b/c", "", "-o/name"])
def test_what_is_no_folder_and_no_id(name: str) -> None:
    with pytest.raises(DataError, match=f"no folder '{name}'.*owner/name@revision"):
        model_folder(name)


def test_what_is_asked_of_the_hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, asked = checkpoint(tmp_path / "snapshot"), []

    def download(repo: str, **options: Any) -> str:
        asked.append((repo, options.pop("revision")))
        assert options["allow_patterns"] == ["*.json", "*.safetensors", "*.txt"]
        assert options["ignore_patterns"] == ["*/*"]
        return str(folder)

    monkeypatch.setattr(huggingface_hub, "snapshot_download", download)
    assert model_folder("openai/clip-vit-base-patch32@refs/pr/7") == folder
    assert model_folder("openai/clip-vit-base-patch32") == folder
    assert asked == [
        ("openai/clip-vit-base-patch32", "refs/pr/7"),
        ("openai/clip-vit-base-patch32", None),
    ]


def http_error(kind: str) -> Exception:
    made: type[Exception] = getattr(errors, kind)
    error = made.__new__(made)  # they are made from a response, which is not needed here
    error.args = ("the hub's words\nand more",)
    return error


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (http_error("GatedRepoError"), "o/n@v1: access is restricted.*hf auth login"),
        (http_error("RevisionNotFoundError"), "o/n@v1: the hub has no such revision of o/n"),
        (http_error("RepositoryNotFoundError"), "o/n@v1 is neither a folder here nor"),
        (http_error("LocalEntryNotFoundError"), "download o/n --revision v1 --local-dir FOLDER"),
        (http_error("HfHubHTTPError"), "cannot fetch it from the hub: the hub's words; download"),
        (OSError(28, "No space left on device"), "No space left on device; download"),
        (RuntimeError(), "cannot fetch it from the hub: RuntimeError; download"),
    ],
)
def test_errors_of_the_hub(error: Exception, message: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def download(*_: object, **__: object) -> str:
        raise error

    monkeypatch.setattr(huggingface_hub, "snapshot_download", download)
    with pytest.raises(DataError, match=message) as raised:
        model_folder("o/n@v1")
    assert "\n" not in str(raised.value)


def test_without_the_hub_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(DataError, match="pip install huggingface_hub, or give a folder"):
        model_folder("owner/name")


def offline(cache: Path, name: str) -> subprocess.CompletedProcess[str]:
    """`model_folder` in a new process: the hub's package reads its settings when imported."""
    script = f"from gcl_spec.models.hub import model_folder as f; print(f({name!r}))"
    environment = os.environ | {"HF_HUB_CACHE": str(cache), "HF_HUB_OFFLINE": "1"}
    return subprocess.run(
        [sys.executable, "-c", script], env=environment, capture_output=True, text=True
    )


def test_the_cache_is_used_offline(tmp_path: Path) -> None:
    repository = tmp_path / "models--owner--name"
    folder = checkpoint(repository / "snapshots" / COMMIT)
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text(COMMIT)
    for name in ("owner/name", "owner/name@main", f"owner/name@{COMMIT}"):
        found = offline(tmp_path, name)
        assert Path(found.stdout.strip()) == folder.resolve(), found.stderr
    missing = offline(tmp_path, "owner/other")
    assert missing.returncode == 1
    last = missing.stderr.strip().splitlines()[-1]
    assert last.startswith("gcl_spec.errors.DataError: owner/other: not in the hub's cache")
    assert "hf download owner/other --local-dir FOLDER" in last
