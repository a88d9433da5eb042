"""Samples of lines: what is one, and what means nothing."""

from pathlib import Path

import pytest

from gcl_spec.data.root import open_root
from samples import samples_of


@pytest.mark.parametrize(
    "none", ["", ', "captions": null', ', "captions": ""', ', "captions": [" "]']
)
def test_what_means_no_caption_and_no_picture(tmp_path: Path, none: str) -> None:
    (tmp_path / "train.jsonl").write_text(
        f'{{"id": "1", "image": "1.png"{none}}}\n'
        '{"id": "2", "image": "", "captions": "a dog "}\n'
        '{"id": "3", "image": null, "captions": [" a cat", null, ""]}\n'
    )
    samples = samples_of(open_root(tmp_path), "train.jsonl")
    assert [(s.image, s.captions) for s in samples] == [
        ("1.png", ()),
        (None, ("a dog",)),
        (None, ("a cat",)),
    ]
