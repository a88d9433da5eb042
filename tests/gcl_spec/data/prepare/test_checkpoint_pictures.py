"""Checkpoint preprocessing equals transformers' Pillow processors to the bit."""

import io
import json
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from PIL import Image

from gcl_spec.data.prepare.checkpoint_pictures import ImageProcessor
from gcl_spec.errors import DataError

MODES = ["RGB", "RGBA", "L", "LA", "P", "1", "CMYK", "YCbCr", "HSV", "I", "F", "tRNS", "P-tRNS"]
CLIP: dict[str, Any] = {"image_processor_type": "CLIPImageProcessor", "size": 32, "crop_size": 32}


@cache
def peers() -> dict[str, Any]:
    """Imported late: it takes seconds."""
    from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil
    from transformers.models.siglip.image_processing_pil_siglip import SiglipImageProcessorPil
    from transformers.models.vit.image_processing_pil_vit import ViTImageProcessorPil

    return {
        "CLIP": CLIPImageProcessorPil,
        "Siglip": SiglipImageProcessorPil,
        "ViT": ViTImageProcessorPil,
    }


def picture(mode: str, width: int, height: int, seed: int) -> Image.Image:
    rng = np.random.default_rng(seed)
    rgba = Image.fromarray(rng.integers(0, 256, (height, width, 4), np.uint8), "RGBA")
    if mode in ("RGBA", "LA"):
        return rgba.convert(mode)
    rgb = rgba.convert("RGB")
    if mode == "tRNS":
        rgb.info["transparency"] = rgb.getpixel((0, 0))
        return rgb
    if mode == "P-tRNS":
        found = rgb.convert("P", palette=Image.Palette.ADAPTIVE)
        found.info["transparency"] = bytes(rng.integers(0, 256, 200, np.uint8))
        return found
    return rgb.convert(mode)


side = st.one_of(st.just(1), st.integers(1, 70))
number = st.integers(1, 40)
size = st.one_of(
    number.map(lambda n: {"shortest_edge": n}),
    st.builds(lambda h, w: {"height": h, "width": w}, number, number),
    number,
)
settings_strategy = st.fixed_dictionaries(
    {"do_center_crop": st.just(True), "crop_size": size.filter(lambda x: "shortest" not in str(x))},
    optional={
        "size": size,
        "resample": st.sampled_from([0, 1, 2, 3, 4, 5]),  # transformers has no default for null
        "do_resize": st.sampled_from([True, False, None]),
        "do_rescale": st.sampled_from([True, False, None]),
        "rescale_factor": st.sampled_from([1 / 255, 1 / 127.5, 0.1]),
        "do_normalize": st.sampled_from([True, False, None]),
        "image_mean": st.sampled_from([[0.5, 0.4, 0.3], [0, 0, 0]]),
        "image_std": st.sampled_from([[0.26, 0.27, 0.28], [1, 1, 1]]),
    },
)


@given(st.sampled_from(MODES), side, side, st.integers(0, 99), settings_strategy)
@example("RGB", 1, 70, 0, {"do_center_crop": True, "crop_size": 9, "size": {"shortest_edge": 7}})
@example("P-tRNS", 70, 1, 0, {"do_center_crop": True, "crop_size": 40, "do_resize": False})
@pytest.mark.parametrize("kind", ["CLIP", "Siglip", "ViT"])
@pytest.mark.filterwarnings("ignore:Palette images with Transparency:UserWarning")
def test_equal_to_transformers(
    kind: str, mode: str, width: int, height: int, seed: int, settings: dict[str, Any]
) -> None:
    image = picture(mode, width, height, seed)
    peer = peers()[kind](**settings, do_convert_rgb=True)
    want = np.asarray(peer(image.copy())["pixel_values"][0])
    ours = ImageProcessor(settings, kind=kind, where="x")
    found = ours(image, "x")
    np.testing.assert_array_equal(found, want)
    assert found.dtype == np.float32
    assert found.shape == (3, *ours.shape)


@pytest.mark.parametrize("kind", ["CLIP", "Siglip", "ViT"])
def test_defaults_are_those_of_transformers(kind: str) -> None:
    image = picture("RGB", 300, 251, 0)
    want = peers()[kind]()(image)["pixel_values"][0]
    found = ImageProcessor({}, kind=kind, where="x")(image, "x")
    assert found.shape == (3, 224, 224)
    np.testing.assert_array_equal(found, want)


def folder(
    tmp_path: Path, settings: dict[str, Any], name: str = "preprocessor_config.json"
) -> Path:
    (tmp_path / name).write_text(json.dumps(settings))
    return tmp_path


# What the hub's well-known checkpoints have in their preprocessor_config.json.
OPENAI = {
    "crop_size": 224,
    "do_center_crop": True,
    "do_normalize": True,
    "do_resize": True,
    "feature_extractor_type": "CLIPFeatureExtractor",
    "image_mean": [0.48145466, 0.4578275, 0.40821073],
    "image_std": [0.26862954, 0.26130258, 0.27577711],
    "resample": 3,
    "size": 224,
}
SIGLIP = {
    "do_normalize": True,
    "do_rescale": True,
    "do_resize": True,
    "image_mean": [0.5, 0.5, 0.5],
    "image_processor_type": "SiglipImageProcessor",
    "image_std": [0.5, 0.5, 0.5],
    "processor_class": "SiglipProcessor",
    "resample": 3,
    "rescale_factor": 0.00392156862745098,
    "size": {"height": 224, "width": 224},
}


@pytest.mark.parametrize("settings", [OPENAI, SIGLIP])
def test_well_known_files(settings: dict[str, Any], tmp_path: Path) -> None:
    from transformers import AutoImageProcessor

    peer = AutoImageProcessor.from_pretrained(folder(tmp_path, settings), backend="pil")
    image = picture("RGB", 333, 251, 1)
    found = ImageProcessor.from_folder(tmp_path)(image, "x")
    np.testing.assert_array_equal(found, peer(image)["pixel_values"][0])


def test_what_transformers_saves_is_read(tmp_path: Path) -> None:
    image = picture("RGBA", 40, 50, 2)
    peer = peers()["CLIP"](size={"shortest_edge": 24}, crop_size=20, resample=2)
    peer.save_pretrained(tmp_path)
    found = ImageProcessor.from_folder(tmp_path)
    np.testing.assert_array_equal(found(image, "x"), peer(image)["pixel_values"][0])
    nested = json.loads((tmp_path / "preprocessor_config.json").read_text())
    nested["crop_size"] = {"height": 18, "width": 18}
    folder(tmp_path, {"image_processor": nested}, "processor_config.json")
    assert ImageProcessor.from_folder(tmp_path).shape == (18, 18), "goes before the other file"
    folder(tmp_path, {"processor_class": "CLIPProcessor"}, "processor_config.json")
    assert ImageProcessor.from_folder(tmp_path).shape == (20, 20), "has none for images"


def test_the_type_follows_the_model_where_none_is_given(tmp_path: Path) -> None:
    folder(tmp_path, {"size": 32, "crop_size": 32})
    folder(tmp_path, {"model_type": "clip"}, "config.json")
    assert ImageProcessor.from_folder(tmp_path).shape == (32, 32)
    folder(tmp_path, {"model_type": "flava"}, "config.json")
    with pytest.raises(DataError, match="image_processor_type is none, for a model of type flava"):
        ImageProcessor.from_folder(tmp_path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"image_processor_type": "Siglip2ImageProcessor"}, ".*Siglip2ImageProcessor; known are"),
        ({"do_pad": True}, "do_pad=True is not known and may change the pixels"),
        ({"mystery": 3}, "mystery=3 is not known"),
        ({"data_format": "channels_last"}, "data_format='channels_last' is not known"),
        ({"do_resize": "yes"}, "do_resize is 'yes'; true or false"),
        ({"size": {"shortest_edge": 9, "longest_edge": 12}}, "size is .*known are shortest_edge"),
        ({"size": {"height": 9}}, "size is"),
        ({"size": 0}, "size is"),
        ({"size": True}, "size is"),
        ({"size": [9, 9, 9]}, "size is"),
        ({"size": "9"}, "size is '9'"),
        ({"crop_size": {"shortest_edge": 9}}, "crop_size has no height and width"),
        ({"do_center_crop": False}, "pictures would keep different shapes"),
        ({"resample": 6}, "resample is 6"),
        ({"resample": "bicubic"}, "resample is 'bicubic'"),
        ({"image_mean": [0.5, 0.5]}, "image_mean is"),
        ({"image_mean": None}, "image_mean is None"),
        ({"size": None}, "size is None"),
        ({"image_std": [0.5, 0, 0.5]}, "image_std is"),
        ({"image_std": [0.5, float("nan"), 0.5]}, "image_std is"),
        ({"rescale_factor": "1/255"}, "rescale_factor is '1/255'"),
    ],
)
def test_settings_that_are_refused(change: dict[str, Any], message: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=f"preprocessor_config.json: {message}"):
        ImageProcessor.from_folder(folder(tmp_path, CLIP | change))


def test_harmless_settings_are_taken(tmp_path: Path) -> None:
    more = {"do_pad": False, "mystery": None, "data_format": "channels_first", "device": None}
    plain = ImageProcessor.from_folder(folder(tmp_path, CLIP))
    assert ImageProcessor.from_folder(folder(tmp_path, CLIP | more)).key == plain.key
    assert ImageProcessor.from_folder(folder(tmp_path, CLIP | {"resample": 2})).key != plain.key


def test_a_folder_without_settings(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no preprocessor_config\.json"):
        ImageProcessor.from_folder(tmp_path)
    (tmp_path / "preprocessor_config.json").write_text("[]")
    with pytest.raises(DataError, match="not a JSON object"):
        ImageProcessor.from_folder(tmp_path)


def process(image: Any) -> npt.NDArray[np.float32]:
    return ImageProcessor(CLIP, kind="CLIP", where="x")(image, "cat.png")


def test_pictures_are_turned_upright() -> None:
    image = picture("RGB", 40, 30, 3)
    exif = Image.Exif()
    exif[0x0112] = 6
    for mode in ("RGB", "RGBA"):
        buffer = io.BytesIO()
        image.convert(mode).save(buffer, "PNG", exif=exif)
        upright = image.transpose(Image.Transpose.ROTATE_270)
        np.testing.assert_array_equal(process(buffer.getvalue()), process(upright))


def test_sixteen_bits_keep_their_greys() -> None:
    ramp = np.linspace(0, 65535, 32 * 32, dtype=np.uint16).reshape(32, 32)
    found = process(Image.fromarray(ramp))
    np.testing.assert_array_equal(found, process(Image.fromarray((ramp / 257).astype(np.uint8))))


def test_every_kind_of_input_gives_the_same(tmp_path: Path) -> None:
    image = picture("RGB", 50, 40, 4)
    image.save(tmp_path / "p.png")
    before = image.copy()
    inputs = [tmp_path / "p.png", (tmp_path / "p.png").read_bytes(), image, np.asarray(image)]
    assert all(np.array_equal(process(x), process(before)) for x in inputs)
    assert image == before


def test_bad_and_huge_pictures_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(DataError, match=r"cat\.png: not a readable picture"):
        process(b"no picture")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 5000)
    with pytest.raises(DataError, match=r"cat\.png: resized to a shorter side of 32: .*too large"):
        process(Image.new("RGB", (1, 1000)))
    buffer = io.BytesIO()
    Image.new("RGB", (100, 100)).save(buffer, "PNG")
    with pytest.raises(DataError, match=r"cat\.png: picture is too large: .*10000 pixels"):
        process(buffer.getvalue())
