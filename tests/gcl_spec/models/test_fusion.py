"""Learned ratios: where they start, and their file beside an export."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gcl_spec.config.options import ModelConfig
from gcl_spec.errors import DataError
from gcl_spec.models.fusion import (
    COUNTS,
    FILE,
    MEANS,
    RATIO,
    read_means,
    read_ratios,
    start_means,
    start_ratios,
    write_fusion,
)

MODEL = ModelConfig(fuse="learned")
TWO = ModelConfig(fuse="learned", modalities=("a", "b", "c", "a+b", "b+c"))


def test_a_model_starts_with_equal_weights() -> None:
    assert MODEL.summed == ("image+text",)
    found = start_ratios(MODEL)
    assert found is not None
    assert (found.tolist(), found.dtype) == ([0.0], np.float32)
    assert start_ratios(ModelConfig(fuse="unit")) is None
    assert ModelConfig(fuse="joint").summed == ()


@given(st.lists(st.floats(-9, 9, width=32), min_size=2, max_size=2))
def test_what_is_written_is_read_to_the_bit(
    tmp_path_factory: pytest.TempPathFactory, logs: list[float]
) -> None:
    folder = tmp_path_factory.mktemp("fusion")
    ratios = np.asarray(logs, np.float32)
    write_fusion(folder, TWO, {RATIO: ratios})
    for found in (read_ratios(folder, TWO), start_ratios(TWO, folder)):
        assert found is not None
        np.testing.assert_array_equal(found, ratios)
        assert found.dtype == np.float32


def test_other_fusions_have_no_file(tmp_path: Path) -> None:
    write_fusion(tmp_path, ModelConfig(fuse="unit"), {})
    assert not (tmp_path / FILE).exists()


def test_a_file_of_other_modalities_is_refused(tmp_path: Path) -> None:
    write_fusion(tmp_path, MODEL, {RATIO: np.zeros(1, np.float32)})
    with pytest.raises(DataError, match=r"fusion\.safetensors: wanted one number .*b\+c"):
        start_ratios(TWO, tmp_path)
    (tmp_path / FILE).write_bytes(b"broken")
    with pytest.raises(DataError, match=r"fusion\.safetensors: not a readable"):
        start_ratios(MODEL, tmp_path)


def test_means_start_at_zero_and_have_a_file() -> None:
    found = start_means(CENTRED, ("image", "text"), 3)
    assert {name: (x.shape, x.dtype.name) for name, x in found.items()} == {
        MEANS: ((2, 3), "float32"),
        COUNTS: ((2,), "int32"),
    }
    assert not any(x.any() for x in found.values())
    assert start_means(MODEL, ("image", "text"), 3) == {}


CENTRED = ModelConfig(fuse="centred")


def test_means_are_read_by_modality(tmp_path: Path) -> None:
    means = np.arange(6, dtype=np.float32).reshape(2, 3)
    write_fusion(tmp_path, CENTRED, {MEANS: means}, ("image", "text"))
    found = read_means(tmp_path, ("text", "image"))
    assert [found[name].tolist() for name in ("image", "text")] == means.tolist()
    assert [*read_means(tmp_path, ("text",))] == ["text"]
    with pytest.raises(DataError, match=r"fusion\.safetensors: wanted one mean for each of audio"):
        read_means(tmp_path, ("audio",))
    with pytest.raises(DataError, match="wanted one number for each"):
        read_ratios(tmp_path, MODEL)
