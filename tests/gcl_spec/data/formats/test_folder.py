"""Folders with train.jsonl."""

from pathlib import Path

import pytest

from gcl_spec.data.root import open_root
from gcl_spec.errors import DataError
from samples import samples_of


def test_samples(tmp_path: Path) -> None:
    (tmp_path / "train.jsonl").write_text(
        '{"id": "1", "image": "1.png", "captions": ["a dog", "a pup"]}\n\n'
        '{"id": "2", "captions": ["a cat"], "concept": "felis"}\n'
        '{"id": "3", "image": "3.png", "captions": []}\n'
    )
    samples = samples_of(open_root(tmp_path), "train.jsonl")
    assert [s.concept for s in samples] == ["a dog", "felis", "3"]
    for line, message in {
        '{"id": "1", "captions": 3}': "captions must be texts",
        '{"id": "1", "captions": ["a", {}]}': "captions must be texts",
        '{"id": "1", "captions": []}': "neither image nor captions",
        '{"captions": ["a"]}': "'id' must be",
        '{"id": "1", "captions": ["a"], "image": 3}': "'image' must be",
        '{"id": "1", "captions": ["a"], "concept": 3}': "'concept' must be",
        '{"id": "1", "captions": ["a"]}\n{"id": "1", "captions": ["a"]}': "jsonl:2: id '1'",
        "": "holds no sample",
    }.items():
        (tmp_path / "train.jsonl").write_text(line)
        with pytest.raises(DataError) as caught:
            samples_of(open_root(tmp_path), "train.jsonl")
        assert message in str(caught.value)
