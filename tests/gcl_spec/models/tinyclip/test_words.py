"""The tokenizer beside a TinyCLIP's weights, in each of its forms."""

import gzip
import json
from pathlib import Path

import pytest

from gcl_spec.data.prepare.tokenizer import Tokenizer
from gcl_spec.errors import DataError
from gcl_spec.models.tiny_clip import write_tiny
from gcl_spec.models.tinyclip.words import write_tokenizer

MERGES = ["#version: 0.2", "d o", "do g</w>", "c a"]


def tokens(folder: Path, out: Path, words: int) -> list[int]:
    out.mkdir()
    write_tokenizer(folder, out, words=words, length=9)
    made = Tokenizer.from_folder(out)
    assert made.max_tokens == 9
    resolved = [made([text])[0].tolist() for text in ("a &amp;amp; \u201cb\u201d", 'a & "b"')]
    assert resolved[0] == resolved[1], "as CLIP's own tokenizer cleans texts"
    settings = json.loads((out / "tokenizer_config.json").read_text())
    (out / "tokenizer_config.json").write_text(json.dumps(settings | {"gcl_cleans_text": False}))
    assert made.key != Tokenizer.from_folder(out).key
    return [int(n) for n in made(["a dog"])[0][0]]


def test_the_file_of_merges_is_read_as_far_as_the_embedding_goes(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    with gzip.open(folder / "bpe_simple_vocab_16e6.txt.gz", "wt") as file:
        file.write("\n".join(MERGES) + "\n")
    a = 256 + ord("a") - 33
    assert tokens(folder, tmp_path / "all", 517) == [515, a, 513, 516]
    two = tokens(folder, tmp_path / "one", 515)
    assert two == [513, a, 512, 256 + ord("g") - 33, 514]
    with pytest.raises(DataError, match=r"it gives 517 tokens, but .* has 600 rows"):
        tokens(folder, tmp_path / "none", 600)
    (folder / "bpe_simple_vocab_16e6.txt.gz").write_bytes(b"no archive")
    with pytest.raises(DataError, match="cannot read it"):
        tokens(folder, tmp_path / "bad", 517)


def test_other_forms_are_taken_and_none_is_an_error(tmp_path: Path) -> None:
    write_tiny(tmp_path / "in", 0)
    assert tokens(tmp_path / "in", tmp_path / "json", 514)[-1] == 513
    (tmp_path / "in" / "tokenizer.json").unlink()
    with pytest.raises(DataError, match="no tokenizer beside the weights: put CLIP's there"):
        tokens(tmp_path / "in", tmp_path / "none", 514)
    (tmp_path / "in" / "vocab.json").write_text(
        '{"a": 0, "<|startoftext|>": 1, "<|endoftext|>": 2}'
    )
    (tmp_path / "in" / "merges.txt").write_text("#version: 0.2\n")
    assert tokens(tmp_path / "in", tmp_path / "two", 3)[-1] == 2
