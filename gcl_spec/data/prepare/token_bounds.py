"""Bounds on what a tokenizer of others makes of a text, which may be a million times as long.

The Rust side ends the process where memory is short, so that it has to be known before.
"""

import base64
import json
import re
import unicodedata
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from gcl_spec._files.reading import parse_json

if TYPE_CHECKING:
    import tokenizers

__all__ = [
    "LONGEST_TEXT", "MOST_BYTES", "MOST_TOKENS", "longest_made", "out_of_bounds", "too_large",
]  # fmt: skip

MOST_BYTES = 128 * 2**20
"""The largest tokenizer.json that is read; that of SigLIP 2, with 256,000 tokens, has 34 MB."""

MOST_TOKENS = 2**15
"""The most tokens of a text: padded to so many, 256 texts take some 700 MB."""

LONGEST_TEXT = 2**16
"""The characters of a text that are looked at, where the model takes no more than 2048 tokens."""

_MOST_MADE = 2**25
# WordPiece's time grows with the cube of a word's length (BERT has 100), and Unigram's with the
# length of the text times that of a piece (SentencePiece has 16).
_LONGEST_WORD = 1000
_MOST_NODES = 2**22
"""The nodes of the tree of pieces that Unigram makes, of 360 bytes each; mT5's has a million."""
_SMALL = 2**22
"""The bytes of a tokenizer.json whose tokens, whatever they are, take a few hundred MB."""
# The vocabulary of Unigram is a list, that of others an object; a letter may be escaped.
_MAY_BE_UNIGRAM = re.compile(rb'"vocab"\s*:\s*\[|\\u00')
_BYTES_A_CHARACTER = 4
_MOST_OF_A_BYTE = 3  # ByteLevel may write a byte as "¼", which decomposes to three characters


def out_of_bounds(tokenizer: "tokenizers.Tokenizer") -> str | None:
    """What in a tokenizer would take all memory or time; None where nothing does.

    Args:
        tokenizer: the tokenizer, of which nothing has been run yet.
    """
    length = longest_made(tokenizer)
    if length is not None:
        return (
            f"its normalizer or pre_tokenizer may make {length:,} characters of a text of "
            f"{LONGEST_TEXT:,}; take the rules that do so out of it"
        )
    word = getattr(tokenizer.model, "max_input_chars_per_word", 0)
    if word > _LONGEST_WORD:
        return f"max_input_chars_per_word is {word:,}; set it to at most {_LONGEST_WORD:,}"
    return None


def too_large(content: bytes) -> str | None:
    """What in a tokenizer.json would take all memory or time when it is read; None for no such.

    Args:
        content: the file, of which nothing has been read yet.

    Raises:
        ValueError: it is no JSON.
    """
    if len(content) <= _SMALL and not _MAY_BE_UNIGRAM.search(content):
        return None
    known = parse_json(content)
    if not isinstance(known, dict):
        return None
    model = known.get("model")
    vocabulary = model.get("vocab") if isinstance(model, dict) else None
    pieces = _texts(vocabulary, 0)
    longest = max(map(len, pieces), default=0)
    if longest > _LONGEST_WORD:
        return f"a piece of its vocabulary has {longest:,} bytes; at most {_LONGEST_WORD:,} fit"
    added = _texts(known.get("added_tokens"), "content")
    for what, texts in (("pieces", pieces), ("added tokens", added)):
        nodes = _nodes(texts)
        if nodes > _MOST_NODES:
            return f"its {what} make a tree of {nodes:,} nodes; at most {_MOST_NODES:,} fit"
    return None


def _texts(entries: Any, key: int | str) -> list[bytes]:
    """The texts at a place of each entry, where they are a list; anything else is left out."""
    values: list[Any] = []
    for entry in entries if isinstance(entries, list) else ():
        with suppress(LookupError, TypeError):
            values.append(entry[key])
    return [text.encode("utf-8", "surrogatepass") for text in values if isinstance(text, str)]


def _nodes(texts: Sequence[bytes]) -> int:
    """The nodes of a tree of texts, one a byte, in which equal beginnings are one."""
    if sum(map(len, texts)) <= _MOST_NODES:
        return 0
    one_by_one = sorted(texts)
    pairs = zip([b"", *one_by_one], one_by_one, strict=False)
    return sum(len(text) - _shared(last, text) for last, text in pairs)


def _shared(a: bytes, b: bytes) -> int:
    """The length of the beginning that two texts share."""
    differ = (n for n, (x, y) in enumerate(zip(a, b, strict=False)) if x != y)
    return next(differ, min(len(a), len(b)))


def longest_made(tokenizer: "tokenizers.Tokenizer") -> int | None:
    """The characters that rules may make of the longest text; None where these are few enough.

    Each counts as those that it decomposes into (NFKD, Unicode's annex 15), up to 18 of one that a
    rule writes, so that the rules which compose and decompose make nothing longer. The text itself
    has none of these.

    Args:
        tokenizer: the tokenizer, of which nothing has been run yet.
    """
    length = LONGEST_TEXT
    for rule in _rules(tokenizer):
        length = length * _factor(rule) + _decomposed(str(rule.get("prepend") or ""))
        if length > _MOST_MADE:
            return length
    return None


def _rules(tokenizer: "tokenizers.Tokenizer") -> Iterator[dict[str, Any]]:
    """The rules that change a text before it is cut into tokens, in their order."""
    for part in (tokenizer.normalizer, tokenizer.pre_tokenizer):
        if part is not None:
            yield from _flat(json.loads(part.__getstate__()))


def _flat(rule: dict[str, Any]) -> Iterator[dict[str, Any]]:
    inner = rule.get("normalizers", rule.get("pretokenizers"))
    if inner is None:
        yield rule
    for one in inner or ():
        yield from _flat(one)


def _decomposed(text: str) -> int:
    """The length of a text in characters that decompose no further."""
    return len(unicodedata.normalize("NFKD", text))


def _factor(rule: dict[str, Any]) -> int:
    """How many times as long a rule may make a text, in the lengths of `_decomposed`."""
    kind = rule.get("type")
    if kind == "Replace":
        pattern, content = rule["pattern"], _decomposed(rule["content"])
        if pattern.get("String"):
            return max(1, -(-content // len(pattern["String"])))
        return content + 1  # a regular expression may match between all characters, too
    if kind == "Precompiled":
        # A trie of 32-bit numbers, of which the first is its size, and texts that NUL ends.
        known = base64.b64decode(rule["precompiled_charsmap"])
        texts = known[4 + int.from_bytes(known[:4], "little") :].split(b"\0")
        return max(1, *(_decomposed(text.decode(errors="replace")) for text in texts))
    if kind == "ByteLevel":
        # It may also put a space before each part of a text.
        return 2 * _BYTES_A_CHARACTER * _MOST_OF_A_BYTE
    if kind == "BertNormalizer":
        return 3 if rule.get("handle_chinese_chars") else 1  # with spaces around each
    return 2 if kind == "Metaspace" else 1
