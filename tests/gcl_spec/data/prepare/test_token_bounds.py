"""Tokenizers that make millions of characters of a text are refused before one is made."""

import json
from pathlib import Path
from typing import Any

import pytest
import tokenizers
from tokenizers import normalizers, pre_tokenizers

from gcl_spec.data.prepare import token_bounds, token_rules
from gcl_spec.data.prepare.token_bounds import LONGEST_TEXT, longest_made
from gcl_spec.data.prepare.token_rules import read_tokenizer
from gcl_spec.data.prepare.tokenizer import Tokenizer
from gcl_spec.errors import DataError
from gcl_spec.models.tiny_clip import write_tiny
from json_files import change


def made_by(normalizer: Any = None, pre_tokenizer: Any = None) -> int | None:
    found = tokenizers.Tokenizer(tokenizers.models.BPE())
    if normalizer is not None:
        found.normalizer = normalizer
    if pre_tokenizer is not None:
        found.pre_tokenizer = pre_tokenizer
    return longest_made(found)


def replace(pattern: str | tokenizers.Regex, content: str, times: int) -> Any:
    return normalizers.Sequence([normalizers.Replace(pattern, content)] * times)


@pytest.mark.parametrize(
    ("normalizer", "times"),
    [
        (replace("a", "a" * 10, 3), 1000),
        (replace("aa", "a" * 20, 3), 1000),
        (replace("", "ab", 6), 729),
        (replace(tokenizers.Regex("x*"), "ab", 6), 729),
        (normalizers.Sequence([normalizers.ByteLevel()] * 2), 24**2),
        (normalizers.Sequence([normalizers.BertNormalizer()] * 6), 3**6),
        (normalizers.Precompiled(bytes([4, 0, 0, 0] + [0] * 4) + b"a\0" + b"b" * 999 + b"\0"), 999),
    ],
)
def test_rules_that_make_a_text_longer(normalizer: Any, times: int) -> None:
    assert made_by(normalizer) == LONGEST_TEXT * times


@pytest.mark.parametrize("form", [normalizers.NFKC(), normalizers.NFKD()])
def test_characters_that_decompose_count_as_what_they_become(form: Any) -> None:
    """One of Arabic's presentation forms, U+FDFA, stands for 18 letters and spaces."""
    rule = normalizers.Sequence([normalizers.Replace("a", "\ufdfa"), form])
    letters = [normalizers.Replace(" ", "\ufdfa"), form]
    assert len(rule.normalize_str("a")) == 18
    assert made_by(rule) is None
    assert len(normalizers.Sequence([rule, *letters * 2]).normalize_str("a")) > 200
    assert made_by(normalizers.Sequence([rule, *letters * 2])) == LONGEST_TEXT * 18**3
    charsmap = bytes([4, 0, 0, 0] + [0] * 4) + "\ufdfa\0".encode()
    times = [normalizers.Precompiled(charsmap), form] * 3
    assert made_by(normalizers.Sequence(times)) == LONGEST_TEXT * 18**3


def test_what_bytes_are_written_as_decomposes_into_three_at_most() -> None:
    written = normalizers.Sequence([normalizers.ByteLevel(), normalizers.NFKD()])
    lengths = [len(written.normalize_str(chr(n))) / len(chr(n).encode()) for n in range(0x800)]
    assert max(lengths) <= 3


def test_pre_tokenizers_count_too() -> None:
    parts = [pre_tokenizers.ByteLevel(), pre_tokenizers.Metaspace()]
    assert made_by(None, pre_tokenizers.Sequence(parts)) is None
    assert made_by(None, pre_tokenizers.Sequence(parts * 3)) == LONGEST_TEXT * 48 * 24


def test_beginnings_count_once() -> None:
    assert made_by(normalizers.Prepend("x" * 1000)) is None
    assert made_by(normalizers.Prepend("x" * 2**25)) == LONGEST_TEXT + 2**25


def test_usual_rules_do_not() -> None:
    usual = [
        normalizers.Lowercase(), replace(tokenizers.Regex(r"\s+"), " ", 1), normalizers.NFKC(),
        normalizers.Replace(" ", "▁"), normalizers.Prepend("▁"), normalizers.Replace("``", '"'),
    ]  # fmt: skip
    assert made_by(normalizers.Sequence(usual), pre_tokenizers.ByteLevel()) is None
    assert made_by(normalizers.BertNormalizer(), pre_tokenizers.BertPreTokenizer()) is None


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_tiny(tmp_path / "model", 0)
    return tmp_path / "model"


def test_such_a_file_is_refused_in_one_line(folder: Path) -> None:
    rule = {"type": "Replace", "pattern": {"String": "a"}, "content": "a" * 10}
    rules = {"type": "Sequence", "normalizers": [rule] * 9}
    change(folder, "tokenizer.json", normalizer={"type": "Sequence", "normalizers": [rules]})
    with pytest.raises(DataError, match=r"tokenizer\.json: its normalizer or pre_tokenizer may"):
        Tokenizer.from_folder(folder)


def test_an_expression_that_gives_up_is_one_line(folder: Path) -> None:
    """The Rust side panics, which is no Exception in Python."""
    rule = {"type": "Replace", "pattern": {"Regex": "(a+)+$"}, "content": "x"}
    change(folder, "tokenizer.json", normalizer=rule)
    with pytest.raises(DataError, match=r"model: the tokenizer fails: Onig"):
        Tokenizer.from_folder(folder)(["a" * 40 + "b"])


@pytest.mark.parametrize(
    ("part", "more"), [({"SpecialToken": {"id": "x", "type_id": 0}}, 200), (None, 200), (None, 1)]
)
def test_a_text_gets_no_more_tokens_than_the_model_takes(
    folder: Path, part: Any, more: int
) -> None:
    text = {"Sequence": {"id": "A", "type_id": 0}}
    rule = {
        "type": "TemplateProcessing", "single": [text, *[part or text] * more], "pair": [text] * 2,
        "special_tokens": {"x": {"id": "x", "ids": [1], "tokens": ["x"]}},
    }  # fmt: skip
    rule["pair"][1] = {"Sequence": {"id": "B", "type_id": 1}}
    change(folder, "tokenizer.json", post_processor=rule)
    with pytest.raises(DataError, match="tokens by the post_processor of its tokenizer, but the m"):
        Tokenizer.from_folder(folder)


def test_a_word_has_a_bound_where_time_grows_with_its_cube(folder: Path) -> None:
    model = {"type": "WordPiece", "unk_token": "a", "vocab": {"a": 0}}
    model |= {"continuing_subword_prefix": "##", "max_input_chars_per_word": 10**9}
    change(folder, "tokenizer.json", model=model, post_processor=None)
    with pytest.raises(DataError, match=r"max_input_chars_per_word is 1,000,000,000; set it to at"):
        Tokenizer.from_folder(folder)


def unigram(*pieces: str) -> dict[str, Any]:
    vocabulary = [["<unk>", 0.0], *([piece, -1.0] for piece in pieces)]
    return {"type": "Unigram", "unk_id": 0, "vocab": vocabulary, "byte_fallback": False}


@pytest.mark.parametrize("escaped", [False, True])
def test_a_piece_of_unigram_has_a_bound(folder: Path, escaped: bool) -> None:
    """Each byte of a piece takes 360 bytes of memory, and its length is a factor of time."""
    change(folder, "tokenizer.json", model=unigram("a" * 10_000), post_processor=None)
    path = folder / "tokenizer.json"
    if escaped:
        path.write_text(path.read_text().replace('"vocab"', r'"\u0076ocab"'))
    with pytest.raises(DataError, match=r"json: a piece of its vocabulary has 10,000 bytes; at m"):
        read_tokenizer(path)
    change(folder, "tokenizer.json", model=unigram("a" * 1000))
    assert read_tokenizer(path).encode("a" * 1000).tokens == ["a" * 1000]


def test_pieces_and_added_tokens_have_a_bound_together(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("_MOST_NODES", "_SMALL"):
        monkeypatch.setattr(token_bounds, name, 1000)
    begun = "a" * 900
    change(folder, "tokenizer.json", model=unigram(begun + "b", begun + "c"), post_processor=None)
    assert read_tokenizer(folder / "tokenizer.json").get_vocab_size() > 2
    change(folder, "tokenizer.json", model=unigram(begun, "b" + begun))
    with pytest.raises(DataError, match="its pieces make a tree of 1,806 nodes; at most 1,000"):
        read_tokenizer(folder / "tokenizer.json")
    token = {"id": 9, "single_word": False, "lstrip": False, "rstrip": False, "special": True}
    token |= {"normalized": False, "content": "a" * 2000}
    change(folder, "tokenizer.json", model=unigram("a"), added_tokens=[token])
    with pytest.raises(DataError, match="its added tokens make a tree of 2,000 nodes"):
        read_tokenizer(folder / "tokenizer.json")


@pytest.mark.parametrize("entries", [3, [3, None, {}, [], [["a"]], ["a", 1.0]]])
def test_what_is_no_vocabulary_is_left_to_the_library(folder: Path, entries: Any) -> None:
    change(folder, "tokenizer.json", model={"type": "Unigram", "vocab": entries})
    with pytest.raises(DataError, match=r"tokenizer\.json: cannot read the tokenizer: "):
        read_tokenizer(folder / "tokenizer.json")


def test_nested_json_is_refused(folder: Path) -> None:
    path = folder / "tokenizer.json"
    rules = '{"type": "Sequence", "normalizers": [' * 200_000 + "]}" * 200_000
    path.write_text(json.dumps(json.loads(path.read_text()) | {"normalizer": 0}).replace(
        '"normalizer": 0', f'"normalizer": {rules}'
    ))  # fmt: skip
    with pytest.raises(DataError, match=r"tokenizer\.json: cannot read the tokenizer: .*nested"):
        read_tokenizer(path)


def test_the_size_of_a_file_and_the_length_of_texts_have_bounds(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    change(folder, "config.json", text_config__max_position_embeddings=900_000_000)
    change(folder, "tokenizer_config.json", model_max_length=1e30)
    with pytest.raises(DataError, match="texts of 900,000,000 tokens; at most 32,768 are taken"):
        Tokenizer.from_folder(folder)
    monkeypatch.setattr(token_rules, "MOST_BYTES", 10)
    with pytest.raises(DataError, match=r"tokenizer\.json: cannot read the tokenizer: it has 0"):
        read_tokenizer(folder / "tokenizer.json")
