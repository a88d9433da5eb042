"""Where the tokenizer of a VISTA is looked for, and which tokens begin and end its texts."""

import shutil
from pathlib import Path

import pytest

from gcl_spec.errors import DataError
from gcl_spec.models.vista_layout import BASE, M3, VistaSizes
from gcl_spec.models.vista_text import marks_of, read_vocabulary, text_files
from gcl_spec.models.weights import file_shapes
from vista_cases import PATHS, VISTA, files

SMALL = file_shapes(PATHS["m3"])


def test_the_nearest_place_is_taken(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no tokenizer: .* as model\.text_path"):
        text_files("", tmp_path, SMALL)
    shutil.copy(VISTA / "bge" / "vocab.txt", tmp_path)
    assert text_files("", tmp_path, SMALL) == tmp_path
    shutil.copytree(VISTA / "bge", tmp_path / "bge")
    assert text_files("", tmp_path, SMALL) == tmp_path / "bge"
    assert text_files(str(VISTA / "bge"), tmp_path, SMALL) == VISTA / "bge"
    with pytest.raises(DataError, match=r"no tokenizer\.json or vocab\.txt of a text encoder"):
        text_files(str(VISTA), tmp_path, SMALL)


@pytest.mark.parametrize(("sizes", "name"), [(BASE, "BAAI/bge-base-en-v1.5"), (M3, "BAAI/bge-m3")])
def test_that_of_a_published_one_is_in_the_hub(
    sizes: VistaSizes, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gcl_spec.models.vista_text.fetched", lambda *asked: tmp_path / asked[0])
    assert text_files("", tmp_path, sizes.shapes()) == tmp_path / name


def test_marks(tmp_path: Path) -> None:
    base, m3 = (files(tmp_path, kind) for kind in ("base", "m3"))
    assert (base.marks, m3.marks) == ((2, 3), (0, 2))
    (tmp_path / "vocab.txt").write_text("[PAD]\n[CLS]\n")
    with pytest.raises(DataError, match="begin and end a text are 1 and None; two of the model's"):
        marks_of(tmp_path, base.settings)
    (tmp_path / "tokenizer.json").write_text('{"model": {"vocab": [["a", 0.5]]}}')
    with pytest.raises(DataError, match="no vocabulary of a BERT"):
        read_vocabulary(tmp_path)
