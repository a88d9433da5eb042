"""The preprocessing of each kind of model: names, shapes, blanks."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gcl_spec.config.toml import loads
from gcl_spec.data.prepare.recipes import preprocessing_of
from gcl_spec.errors import DataError, InputError

CLIP = ["model.kind=clip", "model.freeze=none", "model.path=tiny"]


def png() -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (40, 30), (200, 10, 10)).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("sets", "name", "shape", "dtype"),
    [
        (["model.image_size=32"], "image/pixels", (32, 32, 3), np.uint8),
        (CLIP, "image/pixel_values", (3, 32, 32), np.float32),
    ],
)
def test_pictures_and_texts(
    tmp_path: Path, sets: list[str], name: str, shape: tuple[int, ...], dtype: type
) -> None:
    found = preprocessing_of(loads("", [*sets, f"data.cache={tmp_path}"]))
    assert found.image_input == name
    image, blank = found.image(png(), "here"), found.blank()
    assert image.shape == blank.shape == shape
    assert image.dtype == blank.dtype == dtype
    assert not blank.any()
    texts = found.texts(["a dog", "a much longer text"])
    ids, mask = texts["text/input_ids"], texts["text/attention_mask"]
    assert ids.shape == mask.shape
    assert ids.dtype == np.int64
    assert mask[1].sum() > mask[0].sum() > 0
    with pytest.raises(DataError, match="here"):
        found.image(b"no picture", "here")


def test_an_adapter_takes_no_pictures() -> None:
    with pytest.raises(InputError, match="encodes no pictures or texts"):
        preprocessing_of(loads("", ["model.kind=adapter"]))
