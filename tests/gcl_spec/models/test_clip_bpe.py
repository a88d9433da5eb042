"""CLIP's byte-pair encoding, built in code."""

import json
from pathlib import Path

import pytest

from gcl_spec.errors import DataError
from gcl_spec.models.clip_bpe import END, START, clip_tokenizer, read_clip_tokenizer

LETTERS = "abcdefghijklmnopqrstuvwxyz"
TOKENS = [*LETTERS, *(f"{x}</w>" for x in LETTERS), "do", "dog</w>", START, END]
VOCABULARY = {token: n for n, token in enumerate(TOKENS)}
MERGES = [("d", "o"), ("do", "g</w>")]


def test_words_are_merged_between_start_and_end() -> None:
    found = clip_tokenizer(VOCABULARY, MERGES).encode("Dog  dot\n")
    assert found.tokens == [START, "dog</w>", "do", "t</w>", END]


def test_letters_that_are_unknown_are_the_end_token() -> None:
    assert clip_tokenizer(VOCABULARY, MERGES).encode("7").tokens == [START, END, END]


def write(folder: Path) -> None:
    (folder / "vocab.json").write_text(json.dumps(VOCABULARY))
    merges = "\n".join(" ".join(pair) for pair in MERGES)
    (folder / "merges.txt").write_text(f"#version: 0.2\n{merges}\n")


def test_files_give_the_same(tmp_path: Path) -> None:
    write(tmp_path)
    found = read_clip_tokenizer(tmp_path)
    assert found.encode("dog dot").ids == clip_tokenizer(VOCABULARY, MERGES).encode("dog dot").ids


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("vocab.json", None),
        ("merges.txt", None),
        ("vocab.json", "{"),
        ("merges.txt", "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 3\n"),
    ],
)
def test_missing_and_damaged_files(tmp_path: Path, name: str, content: str | None) -> None:
    write(tmp_path)
    (tmp_path / name).unlink()
    if content is not None:
        (tmp_path / name).write_text(content)
    with pytest.raises(DataError) as caught:
        read_clip_tokenizer(tmp_path)
    assert str(tmp_path) in str(caught.value)
    assert "\n" not in str(caught.value)
