"""Pictures and tokens of VISTA are those of its own code; other tokenizers are refused."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from gcl_spec.data.prepare.recipes import preprocessing_of
from gcl_spec.data.prepare.vista_inputs import vista_tokenizer
from gcl_spec.errors import DataError
from vista_cases import VISTA, arrays, config, texts


def test_inputs_are_those_of_its_own_code(tmp_path: Path) -> None:
    found, wanted = preprocessing_of(config(tmp_path)), arrays("base", "inputs")
    for n, path in enumerate(sorted((VISTA / "images").iterdir())):
        np.testing.assert_array_equal(found.image(path, path.name), wanted["pixels"][n])
    assert found.blank().shape == wanted["pixels"][0].shape
    tokens = found.texts(texts())
    for name in ("input_ids", "attention_mask"):
        np.testing.assert_array_equal(tokens[f"text/{name}"], wanted[name])


def test_texts_are_cut_to_what_the_model_takes(tmp_path: Path) -> None:
    assert vista_tokenizer(config(tmp_path, "model.max_tokens=512")).max_tokens == 40
    assert vista_tokenizer(config(tmp_path, "model.max_tokens=7")).max_tokens == 7


def folder(tmp_path: Path, lines: list[str]) -> str:
    made = tmp_path / "bge"
    shutil.copytree(VISTA / "bge", made)
    (made / "vocab.txt").write_text("\n".join(lines) + "\n")
    return f"model.text_path={made}"


def test_a_tokenizer_of_another_model(tmp_path: Path) -> None:
    lines = (VISTA / "bge" / "vocab.txt").read_text().splitlines()
    for change, said in (
        ([*lines, "more"], "it has 103 tokens, and the model rows for 102"),
        (["[UNK]", "[PAD]", *lines[2:]], "it pads with 1, and the model with 0"),
    ):
        with pytest.raises(DataError, match=f"does not fit the vocabulary of .*{said}"):
            vista_tokenizer(config(tmp_path, folder(tmp_path, change)))
        shutil.rmtree(tmp_path / "bge")
    few = folder(tmp_path, lines[:90])
    assert vista_tokenizer(config(tmp_path, few)).size == 90  # rows without a token do no harm
