"""The lines of VISTA's second stage: composed triplets, whose rest is counted."""

from pathlib import Path
from typing import Any

import pytest

from gcl_spec.config.options import DataConfig
from gcl_spec.data.open import open_source
from gcl_spec.data.sample import BadSample
from gcl_spec.data.source import Source, row_of
from gcl_spec.errors import DataError
from triplets import as_lines, write_vista


def opened(path: object, *, composed: bool = True, images: str = "") -> Source:
    return open_source(DataConfig(path=str(path), images=images), composed=composed)


@pytest.mark.parametrize("how", ["{}", "{}/*.jsonl", "{}/{{T2IT,Image_Edit_307K_filter}}.jsonl"])
def test_both_files_are_one_source(how: str, tmp_path: Path) -> None:
    folder = write_vista(tmp_path / "s2")
    found = opened(how.format(folder))
    assert len(found) == 10
    samples = [found.sample(n) for n in range(10)]
    edit = next(s for s in samples if s.given.get("text") == ("make it red",))
    assert edit.given == {
        "image": ("p2.png",), "text": ("make it red",), "target_image": ("p3.png",)
    }  # fmt: skip
    assert edit.pictures == ("p2.png", "p3.png")
    text = next(s for s in samples if "image" not in s.given)
    assert text.given.keys() == {"text", "target_image", "target_text"}
    assert found.read_bytes("p3.png") == (folder / "p3.png").read_bytes()
    assert len({found.place(n) for n in range(10)}) == 10
    read, wrong = found.notes
    assert "composed triplets: 5 of image+text->image, 5 of text->image+text" in read
    assert "hard negatives, which are not used: 15" in wrong
    assert len(list(found.parts())) == 10


def test_pictures_may_lie_elsewhere_and_one_file_is_enough(tmp_path: Path) -> None:
    folder = write_vista(tmp_path / "s2")
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    for path in folder.glob("*.png"):
        path.rename(pictures / path.name)
    found = opened(folder / "T2IT.jsonl", images=str(pictures))
    assert len(found) == 5
    assert found.read_bytes("p10.png") == (pictures / "p10.png").read_bytes()


def line(**change: Any) -> dict[str, Any]:
    good = {"q_type": "mm_it", "c_type": "image", "query": ["p0.png", "more"], "positive": "p1.png"}
    return good | change


BAD = [
    (line(q_type="mm"), "'q_type' is 'mm'; known are text, image, mm_it"),
    (line(query="p0.png"), "'query' is 'p0.png'; a list of a path and a text is meant"),
    (line(query=["p0.png", ""]), "a list of a path and a text is meant, as 'q_type' says"),
    (line(positive=["p1.png", "x"]), "one image is meant, as 'c_type' says"),
    (line(positive=None), "'positive' is None; one image is meant"),
    (line(query=[1, 2]), "a list of a path and a text is meant"),
]


def test_malformed_lines_are_bad_samples_that_name_the_place(tmp_path: Path) -> None:
    folder = write_vista(tmp_path / "s2", edits=1, more=[record for record, _ in BAD])
    found = opened(folder / "Image_Edit_307K_filter.jsonl")
    rows = [row_of(found, n) for n in range(len(found))]
    assert len(rows) == 1 + len(BAD)
    for number, (row, (_, said)) in enumerate(zip(rows[1:], BAD, strict=True), 2):
        assert isinstance(row, BadSample)
        assert said in row.reason
        assert f"Image_Edit_307K_filter.jsonl:{number}:" in row.reason


def test_other_kinds_are_counted_and_alone_refused(tmp_path: Path) -> None:
    other = line(q_type="image", query="p0.png", c_type="text", positive="a dog")
    folder = write_vista(tmp_path / "s2", more=[other, other])
    assert "left out: 2 of image->text" in " ".join(opened(folder).notes)
    (tmp_path / "x.jsonl").write_text(as_lines([other]))
    with pytest.raises(DataError, match=r"no composed triplet, .*; there are 1 of image->text"):
        opened(tmp_path / "x.jsonl")


def test_the_wrong_objective_and_mixed_files_are_refused(tmp_path: Path) -> None:
    folder = write_vista(tmp_path / "s2")
    for path in (folder, folder / "T2IT.jsonl"):
        with pytest.raises(DataError, match="train with a recipe that ends in -triplets"):
            opened(path, composed=False)
    (folder / "a.jsonl").write_text('{"id": "x", "captions": ["y"]}\n')
    with pytest.raises(DataError, match=r"a.jsonl: no lines of composed triplets"):
        opened(folder / "*.jsonl")


def test_pairs_as_triplets_are_a_warning(tmp_path: Path) -> None:
    (tmp_path / "train.jsonl").write_text('{"id": "x", "captions": ["y"]}\n')
    assert any(
        "no composed triplets: the query of image+text" in w for w in opened(tmp_path).warnings
    )
    assert not opened(tmp_path, composed=False).warnings
