"""MMEB's training rows as composed triplets; instructions beside answers are no part of them."""

from pathlib import Path

import pytest

from gcl_spec.config.options import DataConfig
from gcl_spec.data.open import open_source
from gcl_spec.data.source import Source
from gcl_spec.errors import DataError
from triplets import write_mmeb, write_pictures

EDIT = "<|image_1|>\nfind it with the change: redder"
PLAIN = "<|image_1|>\nRepresent the given image."


def opened(folder: Path, images: Path) -> Source:
    data = DataConfig(path=str(folder), images=str(images))
    return open_source(data, composed=True)


def test_an_instruction_beside_an_answer_is_no_part_of_it(tmp_path: Path) -> None:
    write_pictures(tmp_path / "images" / "CIRR", 9)
    rows = [(EDIT, f"CIRR/p{n}.png", PLAIN, f"CIRR/p{n + 4}.png") for n in range(4)]
    rows += [("what is it", "", f"<|image_1|>\nthing {n}", f"CIRR/p{n}.png") for n in range(2)]
    rows += [("a dog", "", PLAIN, "CIRR/p8.png"), (PLAIN, "CIRR/p0.png", "a cat", "")]
    found = opened(write_mmeb(tmp_path / "CIRR", rows), tmp_path / "images")
    samples = [found.sample(n) for n in range(len(found))]
    assert samples[0].given == {
        "image": ("CIRR/p0.png",), "text": ("find it with the change: redder",),
        "target_image": ("CIRR/p4.png",),
    }  # fmt: skip
    assert samples[4].given == {
        "text": ("what is it",), "target_image": ("CIRR/p0.png",), "target_text": ("thing 0",)
    }  # fmt: skip
    assert len(samples) == 6
    said = " ".join(found.notes)
    assert "4 of image+text->image, 2 of text->image+text" in said
    assert "left out: 1 of text->image, 1 of image+text->text" in said
    assert "which are not used: 5, such as 'Represent the given image.'" in said
    assert "wrong answers, which are not used: 8" in said
    assert not found.warnings
    assert found.read_bytes("CIRR/p4.png")


def test_no_triplet_and_a_missing_folder_of_pictures_are_said(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no composed triplet, .* there are 1 of text->image"):
        opened(write_mmeb(tmp_path / "T2I", [("a dog", "", "", "x.png")]), tmp_path)
    rows = [(EDIT, "x.png", "", "y.png")]
    found = opened(write_mmeb(tmp_path / "CIRR", rows), tmp_path)
    assert "no picture 'x.png'" in found.warnings[0]
    found = opened(write_mmeb(tmp_path / "E", [*rows, (EDIT, "x.png", "", "")]), tmp_path)
    with pytest.raises(DataError, match="its right answer has neither text nor picture"):
        found.sample(1)
