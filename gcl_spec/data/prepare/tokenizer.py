"""Makes token numbers of texts, by the Rust `tokenizers` library."""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from gcl_spec._typing import IntArray
from gcl_spec._words import one_line
from gcl_spec.data.prepare.clean_text import cleaned
from gcl_spec.data.prepare.token_bounds import LONGEST_TEXT
from gcl_spec.data.prepare.token_rules import TokenRules, read_tokenizer, token_rules
from gcl_spec.errors import DataError

if TYPE_CHECKING:
    import tokenizers

__all__ = ["TOKENIZING_VERSION", "Tokenizer"]

# This enters the key of cached tower outputs: raise it whenever a text gets other tokens.
TOKENIZING_VERSION = 1

_CHUNK = 256
_CHARACTERS_A_TOKEN = 32  # words have fewer, so cutting characters keeps enough tokens


class Tokenizer:
    """A `tokenizer.json` file with a limit on the length."""

    max_tokens: int
    """Texts are cut to this many tokens, the special ones among them."""
    rows: int | None
    """The rows of the model's token embedding, where its config.json tells."""

    def __init__(self, path: Path, *, max_tokens: int) -> None:
        """Read the file; a `DataError` where it cannot be read."""
        self._tokenizer = read_tokenizer(path)
        self._tokenizer.enable_truncation(max_tokens)
        self._tokenizer.enable_padding()
        self._masked, self._where, self.rows = True, str(path), None
        self._cleans = False
        self.max_tokens = max_tokens

    @classmethod
    def from_folder(cls, folder: Path, *, max_tokens: int | None = None) -> "Tokenizer":
        """The tokenizer of a checkpoint, equal to transformers' `AutoTokenizer` of the folder.

        Texts are cut to what the model takes, and padded to the longest of a call, or for SigLIP to
        the full length, as it was trained. A model that knows no mask gets a mask of ones.

        Args:
            folder: it has tokenizer.json (or CLIP's vocab.json and merges.txt), and may have
                tokenizer_config.json, special_tokens_map.json and config.json.
            max_tokens: a lower limit than the model's.

        Raises:
            DataError: a file that is missing or damaged, no padding token, no limit.
        """
        return cls.from_rules(token_rules(folder, max_tokens), str(folder))

    @classmethod
    def from_rules(cls, rules: TokenRules, where: str) -> "Tokenizer":
        """The tokenizer that cuts and pads by some rules.

        Args:
            rules: the rules of a checkpoint.
            where: its folder, for errors.

        Raises:
            DataError: no padding token, or the rules do not fit the tokenizer.
        """
        made = cls.__new__(cls)
        made.max_tokens, made._masked = rules.limit, rules.masked
        made._where, made.rows, made._cleans = where, rules.rows, rules.cleans
        tokenizer = made._tokenizer = rules.tokenizer
        pad_id = tokenizer.token_to_id(rules.pad)
        if pad_id is None:
            raise DataError(f"{where}: the padding token {rules.pad!r} is not in the vocabulary")
        try:
            tokenizer.enable_truncation(rules.limit, direction=rules.truncation_side)
        except Exception as error:  # the Rust side raises bare Exception
            raise DataError(f"{where}: texts of {rules.limit} tokens: {one_line(error)}") from error
        tokenizer.enable_padding(
            direction=rules.padding_side,
            pad_id=pad_id,
            pad_token=rules.pad,
            length=rules.limit if rules.full else None,
        )
        most = len(made._encode(["a " * rules.limit])[0].ids)
        if most > rules.limit:
            raise DataError(
                f"{where}: a text gets up to {most:,} tokens by the post_processor of its "
                f"tokenizer, but the model takes {rules.limit:,}"
            )
        return made

    def __call__(self, texts: Sequence[str]) -> tuple[IntArray, IntArray]:
        """Token ids and attention mask, (B, L) int64 each.

        L is the length of the longest text, or `max_tokens` for a model that is trained so.
        """
        encoded = self._encode(texts)
        ids = np.asarray([e.ids for e in encoded], np.int64)
        mask = np.asarray([e.attention_mask for e in encoded], np.int64)
        return ids, mask if self._masked else np.ones_like(mask)

    @property
    def size(self) -> int:
        """The tokens of the vocabulary: the largest number, and one more."""
        return max(self._tokenizer.get_vocab(with_added_tokens=True).values(), default=-1) + 1

    def check_known(self, ids_BL: IntArray) -> None:
        """Raise a `DataError` for token ids (B, L) of which the model's embedding lacks one."""
        if self.rows is not None and ids_BL.size and ids_BL.max() >= self.rows:
            raise DataError(self._past(int(ids_BL.max())))

    def unknown_tokens(self) -> dict[str, int]:
        """Numbers of the tokens past the rows of the model's embedding, by token."""
        known = self._tokenizer.get_vocab(with_added_tokens=True)
        return {
            token: number
            for token, number in sorted(known.items(), key=lambda pair: pair[1])
            if self.rows is not None and number >= self.rows
        }

    def unknown_in(self, texts: Sequence[str]) -> tuple[int, str]:
        """The number of texts with a token for which the model has no row, and the way out."""
        if not self.unknown_tokens():
            return 0, ""
        largest = [
            max(encoding.ids, default=0)
            for start in range(0, len(texts), _CHUNK)
            for encoding in self._encode(texts[start : start + _CHUNK])
        ]
        past = [number for number in largest if self.rows is not None and number >= self.rows]
        return len(past), self._past(past[0]) if past else ""

    def _past(self, number: int) -> str:
        token = self._tokenizer.id_to_token(number)
        return (
            f"{self._where}: the token {token!r} has the number {number}, but the model's token "
            f"embedding has {self.rows} rows (text_config.vocab_size): the tokenizer is of another "
            "model, or was given tokens without resize_token_embeddings; resize the embeddings "
            "and save the model, or take the token out of the tokenizer"
        )

    def end(self) -> tuple[int, str] | None:
        """Number and text of the token that ends every text; None where there is none."""
        encoding = self._encode(["a"])[0]
        used = [n for n, kept in zip(encoding.ids, encoding.attention_mask, strict=True) if kept]
        plain = self._tokenizer.encode("a", add_special_tokens=False).ids
        if not used or used[-1] == (plain[-1] if plain else None):
            return None
        return used[-1], str(self._tokenizer.id_to_token(used[-1]))

    def tokens_above(self, number: int) -> list[str]:
        """The tokens of larger numbers."""
        known = self._tokenizer.get_vocab(with_added_tokens=True)
        return sorted((t for t, n in known.items() if n > number), key=known.__getitem__)

    def count_cut(self, texts: Sequence[str]) -> int:
        """The number of texts that have more than `max_tokens` tokens."""
        return sum(
            bool(encoding.overflowing)
            for start in range(0, len(texts), _CHUNK)
            for encoding in self._encode(texts[start : start + _CHUNK])
        )

    def _encode(self, texts: Sequence[str]) -> "list[tokenizers.Encoding]":
        try:
            return self._tokenizer.encode_batch([self._end_cut(text) for text in texts])
        except (TypeError, UnicodeError):
            bad = next(text for text in texts if not _is_unicode(text))
            raise DataError(
                f"a text is not valid Unicode: {ascii(bad)[:80]}; remove its lone surrogates"
            ) from None
        except BaseException as error:
            if type(error).__name__ != "PanicException":  # Rust's panics are no Exception
                raise
            raise DataError(f"{self._where}: the tokenizer fails: {one_line(error)}") from error

    def _end_cut(self, text: str) -> str:
        """The beginning of a text, of which tokens are made; a book would take gigabytes.

        It is cleaned where the checkpoint asks for that.
        """
        most = max(LONGEST_TEXT, _CHARACTERS_A_TOKEN * self.max_tokens)
        if self._cleans and isinstance(text, str):
            text = cleaned(text)
        if not isinstance(text, str) or len(text) <= most:
            return text
        truncation = self._tokenizer.truncation or {}
        return text[-most:] if truncation.get("direction") == "left" else text[:most]

    @property
    def key(self) -> str:
        """The name of the tokenizing: the same key and the same text give the same tokens."""
        content = f"{self._tokenizer.to_str()} {self._masked}{' cleaned' * self._cleans}".encode()
        return f"tokenizer={hashlib.sha256(content).hexdigest()} tokenizing={TOKENIZING_VERSION}"


def _is_unicode(text: object) -> bool:
    try:
        return isinstance(text, str) and text.encode() is not None
    except UnicodeEncodeError:
        return False
