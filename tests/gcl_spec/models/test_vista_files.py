"""A VISTA's files on disk: found, converted once, and refused in one line where they are bad."""

import os
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file, save_file

import vista_cases
from gcl_spec.errors import ConfigError, DataError
from gcl_spec.models.vista_files import used_weights, vista_files
from vista_cases import PATHS, VISTA, Arrays, config


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder that a test may change, with the pickled weights alone."""
    made = tmp_path / "model"
    made.mkdir()
    shutil.copytree(VISTA / "bge", made / "bge")
    shutil.copy(VISTA / "eva.json", made)
    shutil.copy(PATHS["base"], made)
    return made


def state(folder: Path) -> dict[str, torch.Tensor]:
    found: dict[str, torch.Tensor] = torch.load(folder / PATHS["base"].name, weights_only=True)
    return found


def found(folder: Path, *sets: str) -> Arrays:
    path = f"model.path={folder}"
    return dict(used_weights(vista_files(config(folder.parent / "cache", path, *sets))))


def test_pickled_weights_are_converted_once(folder: Path) -> None:
    first = vista_files(config(folder.parent, f"model.path={folder}"))
    time = first.weights.stat().st_mtime_ns
    assert vista_files(config(folder.parent, f"model.path={folder / PATHS['base'].name}")) == first
    assert first.weights.stat().st_mtime_ns == time
    wanted = state(folder)
    assert load_file(first.weights).keys() == wanted.keys()
    for name, x in used_weights(first).items():
        np.testing.assert_array_equal(x, wanted[name].numpy())
    assert first.marks == (2, 3)


def test_other_savers(folder: Path) -> None:
    """Half precision, the names of DataParallel, old buffers, and no rotary tables."""
    want = found(folder)
    weights = {n: x.half() for n, x in state(folder).items() if "rope" not in n}
    weights["bge_embeddings.position_ids"] = torch.arange(40)[None]
    wrapped = {f"module.{name}": x for name, x in weights.items()}
    torch.save({"state_dict": wrapped, "epoch": 3}, folder / PATHS["base"].name)
    got = found(folder)
    assert got.keys() == want.keys()
    for name, x in got.items():
        assert x.dtype == np.float32
        np.testing.assert_allclose(x, want[name], atol=2e-3)


class Bad:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, ("made-by-a-pickle",)


def test_a_pickle_with_code_never_runs(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    torch.save({"visual_proj.bias": Bad()}, folder / PATHS["base"].name)
    with pytest.raises(DataError, match=r"names posix\.mkdir, which is no tensor"):
        found(folder)
    assert not (folder / "made-by-a-pickle").exists()


def test_weights_of_something_else(folder: Path) -> None:
    weights = state(folder)
    weights["visual_proj.weight"] = weights["visual_proj.weight"][:8]
    del weights["bge_encoder.layer.1.output.dense.bias"]
    torch.save(weights, folder / PATHS["base"].name)
    with pytest.raises(DataError, match=r"not the weights of a VISTA; .*missing") as caught:
        found(folder)
    assert "\n" not in str(caught.value)
    (folder / PATHS["base"].name).write_bytes(b"PK\x03\x04 damaged")
    with pytest.raises(DataError, match=r"Visualized_BGE\.pth: "):
        found(folder)


def test_rotary_tables_that_are_no_copies(folder: Path) -> None:
    weights = {name: x.numpy() for name, x in state(folder).items()}
    table = "model_visual.visual.blocks.1.attn.rope.freqs_sin"
    save_file(weights | {table: weights[table] + 1}, folder / "model.safetensors")
    with pytest.raises(DataError, match=rf"{table} is no copy of model_visual\.visual\.rope"):
        found(folder)


def test_which_file(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigError, match="which checkpoint"):
        vista_files(config(folder, "model.path="))
    shutil.copy(PATHS["base"], folder / "other.pth")
    with pytest.raises(DataError, match=r"2 files of weights \(Vis.*, other.pth\); give one as"):
        found(folder)
    (folder / "other.pth").unlink()
    for beside in ("fusion.safetensors", "calibration.safetensors"):
        (folder / beside).write_bytes(b"")
    assert found(folder), "what an export puts beside the weights is none of them"
    empty = folder / "empty"
    empty.mkdir()
    with pytest.raises(DataError, match="no weights of a VISTA, a file such as Visualized_base"):
        found(empty)
    for path in ("tiny", "/no/such.pth", "../a/b", "a/b/c/d"):
        with pytest.raises(DataError, match=f"no file or folder '{path}'; give as model.path"):
            vista_files(config(folder, f"model.path={path}"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(DataError, match=r"no folder 'a b/c'; give as model\.path"):
        found(Path("a b/c"))


def test_a_file_of_a_repository_in_the_hubs_cache(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def fetched(name: str, wanted: list[str], option: str = "model.path") -> Path:
        asked.append((name, tuple(wanted)))
        return folder

    monkeypatch.setattr("gcl_spec.models.vista_files.fetched", fetched)
    file = PATHS["base"].name
    hub = vista_files(config(folder.parent, f"model.path=BAAI/bge-visualized@main/{file}"))
    assert hub.settings == vista_cases.files(folder, "base").settings
    assert asked == [("BAAI/bge-visualized@main", (file, "eva.json"))]
    with pytest.raises(DataError, match=r"the hub has no file 'none\.pth' there"):
        vista_files(config(folder.parent, "model.path=BAAI/bge-visualized/none.pth"))
