"""What a config leaves to its data: paths, and the widths of vectors."""

from pathlib import Path

import numpy as np
import pytest

from gcl_spec.config.options import Config
from gcl_spec.config.toml import load
from gcl_spec.errors import ConfigError
from gcl_spec.train.adapter_widths import resolved


def adapter(path: Path, *more: str) -> Config:
    return load(recipe="adapter", overrides=[f"data.path={path}", *more])


@pytest.fixture
def vectors(tmp_path: Path) -> Path:
    np.savez(tmp_path / "train.npz", image=np.ones((4, 5)), text=np.ones((4, 3)))
    return tmp_path / "train.npz"


def test_widths_come_from_the_data(vectors: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(vectors.parent)
    found = resolved(adapter(Path("train.npz")))
    assert (found.model.image_vector, found.model.text_vector) == (5, 3)
    assert found.data.path == str(vectors)
    assert resolved(found) == found


def test_other_widths_than_the_data_are_an_error(vectors: Path) -> None:
    with pytest.raises(ConfigError, match=r"model\.image_vector = 7, but .* has 5 numbers"):
        resolved(adapter(vectors, "model.image_vector=7"))


def test_both_modalities_are_needed(tmp_path: Path) -> None:
    np.savez(tmp_path / "train.npz", image=np.ones((4, 5)))
    with pytest.raises(
        ConfigError, match=r"an adapter needs vectors of image and text, .* none of text"
    ):
        resolved(adapter(tmp_path / "train.npz"))


def test_vectors_are_for_an_adapter_and_an_adapter_for_vectors(
    vectors: Path, data_folder: Path
) -> None:
    with pytest.raises(ConfigError, match="holds vectors: use --recipe adapter"):
        resolved(load(recipe="lite", overrides=[f"data.path={vectors}"]))
    with pytest.raises(ConfigError, match="an adapter is trained on vectors"):
        resolved(adapter(data_folder))
