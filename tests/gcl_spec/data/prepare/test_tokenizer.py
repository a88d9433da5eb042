"""Tokenizers of checkpoints give what transformers' AutoTokenizer gives."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tokenizers
from hypothesis import example, given
from hypothesis import strategies as st

from gcl_spec.data.prepare.tokenizer import Tokenizer
from gcl_spec.errors import DataError
from gcl_spec.models.pretrained import text_folder
from gcl_spec.models.tiny_clip import write_tiny

LONG = "a very long caption " * 60
TEXTS = ["", " ", "A cat, isn't it?", "42 ÄÖ ﬀ e\u0301", "🐈‍⬛ 中文 \n\t x", LONG, "a\0b", "\u200b"]
SPECIAL = ["x <|endoftext|> y", "<|startoftext|>", " <|ENDOFTEXT|> ", "</s> a </s>", "[SEP] [PAD]"]


@pytest.fixture(scope="session")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("clip")
    write_tiny(folder, 0)
    return folder


@pytest.fixture(scope="session")
def siglip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """SigLIP's kind of tokenizer: word pieces with a score, an end token, no mask."""
    folder = tmp_path_factory.mktemp("siglip")
    pieces = ["</s>", "<unk>", "▁", *"abcdefghijklmnopqrstuvwxyz", "▁a", "▁ca", "ption"]
    made = tokenizers.Tokenizer(
        tokenizers.models.Unigram([(x, -float(i)) for i, x in enumerate(pieces)], unk_id=1)
    )
    made.normalizer = tokenizers.normalizers.Lowercase()
    made.pre_tokenizer = tokenizers.pre_tokenizers.Metaspace()
    made.post_processor = tokenizers.processors.TemplateProcessing(
        "$A </s>", "$A </s> $B </s>", [("</s>", 0)]
    )
    made.add_special_tokens(["</s>", "<unk>"])
    made.enable_padding(length=3)
    made.enable_truncation(5)
    made.save(str(folder / "tokenizer.json"))
    write(folder, "config.json", {"model_type": "siglip"})
    settings = {"tokenizer_class": "PreTrainedTokenizerFast", "model_max_length": 64}
    settings |= {"pad_token": "</s>", "unk_token": "<unk>", "model_input_names": ["input_ids"]}
    write(folder, "tokenizer_config.json", settings)
    return folder


def write(folder: Path, name: str, content: dict[str, Any]) -> None:
    (folder / name).write_text(json.dumps(content))


def check(folder: Path, texts: list[str], **options: Any) -> None:
    from transformers import AutoTokenizer

    peer = AutoTokenizer.from_pretrained(folder)
    want = peer(texts, truncation=True, return_tensors="np", **options)
    ids, mask = Tokenizer.from_folder(folder)(texts)
    np.testing.assert_array_equal(ids, want["input_ids"])
    np.testing.assert_array_equal(mask, want.get("attention_mask", np.ones_like(ids)))
    assert ids.dtype == mask.dtype == np.int64


texts_strategy = st.lists(st.text(max_size=90) | st.sampled_from(TEXTS + SPECIAL), min_size=1)


@given(texts_strategy)
@example(TEXTS + SPECIAL)
def test_clip(clip: Path, texts: list[str]) -> None:
    check(clip, texts, padding=True)


@given(texts_strategy)
@example(TEXTS + SPECIAL)
def test_siglip(siglip: Path, texts: list[str]) -> None:
    check(siglip, texts, padding="max_length")


@given(texts_strategy)
@example(TEXTS + SPECIAL)
def test_bert(texts: list[str]) -> None:
    check(text_folder(), texts, padding=True)


def test_what_comes_out(clip: Path, siglip: Path) -> None:
    tokenizer = Tokenizer.from_folder(clip)
    ids, mask = tokenizer(["ab", "", LONG])
    assert ids.shape == (3, 64) == (3, tokenizer.max_tokens)
    assert mask.sum(1).tolist() == [4, 2, 64]
    start, end = 512, 513
    assert ids[:, 0].tolist() == [start] * 3
    assert ids[2, -1] == end, "the end stays where a text is cut"
    assert tokenizer(["ab"])[0].shape == (1, 4)
    ids, mask = Tokenizer.from_folder(siglip)(["a"])
    assert ids.shape == (1, 64)
    assert mask.min() == 1, "SigLIP sees the padding"


def test_a_lower_limit(clip: Path) -> None:
    assert Tokenizer.from_folder(clip, max_tokens=7)([LONG])[0].shape == (1, 7)
    assert Tokenizer.from_folder(clip, max_tokens=700).max_tokens == 64
    keys = {Tokenizer.from_folder(clip, max_tokens=n).key for n in (7, 7, 8)}
    assert len(keys) == 2


def changed(clip: Path, tmp_path: Path, drop: str = "", **settings: Any) -> Path:
    """A copy of the folder with other settings and without the file `drop`."""
    for path in clip.iterdir():
        if path.name not in (drop, "model.safetensors"):
            (tmp_path / path.name).write_bytes(path.read_bytes())
    old = json.loads((clip / "tokenizer_config.json").read_text())
    write(tmp_path, "tokenizer_config.json", {k: v for k, v in (old | settings).items() if v != 0})
    return tmp_path


def test_sides(clip: Path, tmp_path: Path) -> None:
    check(changed(clip, tmp_path, padding_side="left"), TEXTS, padding=True)
    check(changed(clip, tmp_path, truncation_side="left"), TEXTS, padding=True)
    with pytest.raises(DataError, match="padding_side is 'up'; left or right"):
        Tokenizer.from_folder(changed(clip, tmp_path, padding_side="up"))


def test_other_padding_tokens(clip: Path, tmp_path: Path) -> None:
    check(changed(clip, tmp_path, pad_token="!"), ["a", "a b"], padding=True)
    pad = {"__type": "AddedToken", "content": "!", "special": True}
    check(changed(clip, tmp_path, pad_token=pad), ["a", "a b"], padding=True)
    folder = changed(clip, tmp_path, pad_token=0)
    assert Tokenizer.from_folder(folder)(["a", "a b"])[0][0, -1] == 513, "CLIP's own"
    write(folder, "special_tokens_map.json", {"pad_token": "!"})
    assert Tokenizer.from_folder(folder)(["a", "a b"])[0][0, -1] == 0
    with pytest.raises(DataError, match="the padding token 'PAD' is not in the vocabulary"):
        Tokenizer.from_folder(changed(clip, tmp_path, pad_token="PAD"))


def test_no_padding_token(clip: Path, tmp_path: Path) -> None:
    folder = changed(clip, tmp_path, "config.json", pad_token=0)
    with pytest.raises(DataError, match="no padding token; name one"):
        Tokenizer.from_folder(folder)


def test_the_limit_follows_tokenizer_and_model(clip: Path, tmp_path: Path) -> None:
    unlimited = 10**30
    folder = changed(clip, tmp_path, model_max_length=unlimited)
    assert Tokenizer.from_folder(folder).max_tokens == 64
    write(folder, "config.json", {"model_type": "clip", "text_config": {}})
    assert Tokenizer.from_folder(folder).max_tokens == 77
    assert Tokenizer.from_folder(changed(clip, tmp_path, model_max_length=9)).max_tokens == 9
    folder = changed(clip, tmp_path, model_max_length=unlimited)
    write(folder, "config.json", {"model_type": "other"})
    with pytest.raises(DataError, match="how many tokens the model takes"):
        Tokenizer.from_folder(folder)


def test_vocabulary_and_merges_without_tokenizer_json(clip: Path, tmp_path: Path) -> None:
    folder = changed(clip, tmp_path, "tokenizer.json")
    with pytest.raises(DataError, match=r"no tokenizer\.json, and cannot read vocab\.json"):
        Tokenizer.from_folder(folder)
    content = json.loads((clip / "tokenizer.json").read_text())
    vocabulary = content["model"]["vocab"]
    merges = [("c", "a"), ("ca", "t</w>"), ("i", "s</w>")]
    for pair in merges:
        vocabulary["".join(pair)] = len(vocabulary)
    write(folder, "vocab.json", vocabulary)
    lines = ["#version: 0.2", *(" ".join(pair) for pair in merges)]
    (folder / "merges.txt").write_text("\n".join(lines) + "\n")
    check(folder, [*TEXTS, *SPECIAL, "cat cats CAT is"], padding=True)
    assert Tokenizer.from_folder(folder)(["cat"])[0].shape == (1, 3)


def test_bad_files_and_texts(clip: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"tokenizer\.json: cannot read the tokenizer"):
        Tokenizer.from_folder(tmp_path)
    (tmp_path / "tokenizer_config.json").write_text("{")
    with pytest.raises(DataError, match=r"tokenizer_config\.json: cannot read it"):
        Tokenizer.from_folder(tmp_path)
    with pytest.raises(DataError, match=r"not valid Unicode: 'a \\ud800'"):
        Tokenizer.from_folder(clip)(["good", "a \ud800"])


@pytest.mark.parametrize("settings", [{}, {"padding_side": "right"}, {"padding_side": "left"}])
@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("siglip", "Siglip2Tokenizer"),
        ("siglip2", "GemmaTokenizer"),
        ("siglip2", "GemmaTokenizerFast"),
        ("siglip2", None),
        ("siglip", "GemmaTokenizer"),
    ],
)
def test_siglip_2(kind: str, name: str | None, settings: dict[str, str], tmp_path: Path) -> None:
    """Its class in transformers makes texts lower case; the file does not say so."""
    pieces = ["<pad>", "<eos>", "<bos>", "<unk>", "<mask>", "\u2581", *"abcdtABCDT"]
    vocabulary = {piece: n for n, piece in enumerate([*pieces, "ca", "CA"])}
    made = tokenizers.Tokenizer(
        tokenizers.models.BPE(vocabulary, [("c", "a"), ("C", "A")], unk_token="<unk>")
    )
    made.normalizer = tokenizers.normalizers.Replace(" ", "\u2581")
    made.post_processor = tokenizers.processors.TemplateProcessing(
        "$A <eos>", "$A <eos> $B <eos>", [("<eos>", 1)]
    )
    made.add_special_tokens(pieces[:5])
    made.save(str(tmp_path / "tokenizer.json"))
    write(tmp_path, "config.json", {"model_type": kind, "text_config": {"vocab_size": 20}})
    named = {"tokenizer_class": name, "pad_token": "<pad>", "eos_token": "<eos>"}
    named |= {"model_max_length": 64, "unk_token": "<unk>", "bos_token": "<bos>"}
    write(tmp_path, "tokenizer_config.json", {**named, **settings})
    check(tmp_path, ["A CAT", "a cat", "", "Bad Cab"], padding="max_length")


ODD = {
    "model_input_names": [None, 3, "attention_mask", []],
    "model_max_length": [None, "77", -1, 0, 1, 2, float("nan"), True, [], 10**400],
    "padding_side": [None, 3, []],
    "truncation_side": [None, {}],
    "pad_token": [None, 3, [], {"content": None}, "", "no-such"],
    "tokenizer_class": [None, 3, [], "x"],
    "auto_map": [None, 3, [], {}, "x.Y", {"AutoTokenizer": None}, {"AutoTokenizer": [None, None]}],
}


@pytest.mark.parametrize("key", ODD)
def test_odd_settings_work_or_are_an_error(key: str, clip: Path, tmp_path: Path) -> None:
    said = []
    for value in ODD[key]:
        folder = changed(clip, tmp_path)
        old = json.loads((folder / "tokenizer_config.json").read_text())
        write(folder, "tokenizer_config.json", old | {key: value})
        try:
            said.append(str(len(Tokenizer.from_folder(folder)(["a cat", "a"])[0])))
        except DataError as error:
            said.append(str(error))
    assert len(said) == len(ODD[key])
    assert all(text == "2" or str(tmp_path) in text for text in said)
    assert "\n" not in "".join(said)


@pytest.mark.parametrize("side", ["right", "left"])
def test_of_a_book_only_what_tokens_are_made_of_is_looked_at(side: str, clip: Path) -> None:
    """All of it would take minutes and gigabytes."""
    made = Tokenizer.from_folder(clip)
    made._tokenizer.enable_truncation(9, direction=side)
    seen = []

    class Counted:
        truncation = made._tokenizer.truncation

        def encode_batch(self, texts: list[str]) -> Any:
            seen.extend(map(len, texts))
            return rust.encode_batch(texts)

    rust, book = made._tokenizer, "the first words " + "ab " * 100_000 + "the last words"
    wanted = made([book])[0]
    made._tokenizer = Counted()  # type: ignore[assignment]
    assert made([book])[0].tolist() == wanted.tolist() == made([book])[0].tolist()
    assert made.count_cut([book, "ab"]) == 1
    assert max(seen) < 100_000
    assert rust.encode_batch([book])[0].ids == wanted[0].tolist(), "as of the whole book"


def test_tokens_are_cut_and_padded() -> None:
    tokenizer = Tokenizer(text_folder() / "tokenizer.json", max_tokens=6)
    ids, mask = tokenizer(["a cat", "a very long caption about a great many cats"])
    assert ids.shape == mask.shape == (2, 6)
    assert mask.sum(1).tolist() == [4, 6]
    assert ids.dtype == mask.dtype == np.int64
    with pytest.raises(DataError, match="cannot read the tokenizer"):
        Tokenizer(Path("none.json"), max_tokens=6)
