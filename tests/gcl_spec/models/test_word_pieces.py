"""BERT's older vocabulary file: the tokens of transformers' `BertTokenizer`."""

from pathlib import Path

import pytest
from transformers import BertTokenizer

from gcl_spec.errors import DataError
from gcl_spec.models.word_pieces import read_vocabulary, read_word_pieces
from vista_cases import VISTA, texts

BGE = VISTA / "bge"


def test_tokens_are_those_of_transformers() -> None:
    theirs = BertTokenizer(str(BGE / "vocab.txt"))
    ours = read_word_pieces(BGE, {"do_lower_case": True})
    some = [*texts(), "cat\u4e2dDOG é\u0301", "[SEP] x [MASK]"]
    assert [ours.encode(text).ids for text in some] == theirs(some)["input_ids"]
    cased = read_word_pieces(BGE, {"do_lower_case": False})
    assert cased.encode("Red").ids != ours.encode("Red").ids


def test_a_file_without_its_marks(tmp_path: Path) -> None:
    (tmp_path / "vocab.txt").write_text("[PAD]\n[UNK]\n[CLS]\n")
    with pytest.raises(DataError, match=r"no token \[SEP\], which every BERT has"):
        read_word_pieces(tmp_path, {})
    (tmp_path / "vocab.txt").write_bytes(b"\xff\n")
    with pytest.raises(DataError, match="cannot read it"):
        read_vocabulary(tmp_path)
