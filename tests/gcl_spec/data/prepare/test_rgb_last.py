"""Pictures that become RGB at the end: the peer's own pixels, to the bit."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gcl_spec.data.prepare.checkpoint_pictures import RGB_LAST, ImageProcessor
from gcl_spec.data.prepare.rgb_last import cropped_then_rgb
from gcl_spec.errors import DataError
from repository import REPOSITORY

GOLDENS = REPOSITORY / "tests" / "gcl_spec" / "models" / "goldens" / "tinyclip"


@pytest.mark.parametrize("folder", [GOLDENS / "manual", GOLDENS / "auto"], ids=lambda x: x.name)
def test_the_peers_pixels_come_out(folder: Path) -> None:
    wanted = np.load(folder / "inputs.npz")["pixels"]
    side = wanted.shape[-1]
    processor = ImageProcessor(
        {"size": side, "crop_size": side, RGB_LAST: True}, kind="CLIP", where="golden"
    )
    for path, pixels in zip(sorted((folder / "images").iterdir()), wanted, strict=True):
        assert np.array_equal(processor(str(path), path.name), pixels), path.name


def test_a_picture_stays_as_it_was_and_stands_upright() -> None:
    picture = Image.new("P", (40, 20))
    picture.putpalette([0, 0, 0, 255, 0, 0])
    picture.putpixel((39, 0), 1)
    found = cropped_then_rgb(picture, 20, (20, 40), 3, "x")
    assert (found.mode, found.size, found.getpixel((39, 0))) == ("RGB", (40, 20), (255, 0, 0))
    assert picture.mode == "P"
    exif = Image.Exif()
    exif[0x0112] = 3  # upside down
    picture.info["exif"] = exif.tobytes()
    turned = cropped_then_rgb(picture, 20, (20, 40), 3, "x")
    assert turned.getpixel((0, 19)) == (255, 0, 0)


def test_it_needs_a_shorter_side_and_a_crop() -> None:
    settings = {"size": {"height": 8, "width": 8}, "crop_size": 8, RGB_LAST: True}
    with pytest.raises(DataError, match="gcl_rgb_last needs a size of shortest_edge"):
        ImageProcessor(settings, kind="CLIP", where="x")
    with pytest.raises(DataError, match="gcl_rgb_last is 1; true or false"):
        ImageProcessor({RGB_LAST: 1}, kind="CLIP", where="x")
    plain = ImageProcessor({"size": 8, "crop_size": 8}, kind="CLIP", where="x")
    assert "rgb_last" not in plain.key, "caches of earlier versions stay valid"
