"""Texts as token numbers, by the Rust `tokenizers` library."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from gcl_spec._reading import read_regular
from gcl_spec._typing import IntArray
from gcl_spec.data.clip_tokens import END, read_clip_tokenizer
from gcl_spec.errors import DataError
from gcl_spec.hub import read_json

if TYPE_CHECKING:
    import tokenizers

__all__ = ["TOKENIZING_VERSION", "Tokenizer"]

# Enters the key of cached tower outputs: raise it whenever a text gets other tokens.
TOKENIZING_VERSION = 1

# Positions of models whose config.json leaves the number out where it is the default.
_POSITIONS = {"clip": 77, "siglip": 64, "siglip2": 64}
# Trained on texts that are all padded to the full length, without a mask.
_PADDED_TO_THE_FULL = ("siglip", "siglip2")
# Where neither the tokenizer's configuration nor its file names a padding token.
_PAD = {"clip": END, "siglip": "</s>"}
_CHUNK = 256


class Tokenizer:
    """A `tokenizer.json` file with a limit on the length."""

    max_tokens: int
    """Texts are cut to this many tokens, the special ones among them."""

    def __init__(self, path: Path, *, max_tokens: int) -> None:
        """Read the file; `DataError` when it cannot be read."""
        self._tokenizer = _read(path)
        self._tokenizer.enable_truncation(max_tokens)
        self._tokenizer.enable_padding()
        self._masked = True
        self.max_tokens = max_tokens

    @classmethod
    def from_folder(cls, folder: Path, *, max_tokens: int | None = None) -> "Tokenizer":
        """The tokenizer of a checkpoint, equal to transformers' `AutoTokenizer` of the folder.

        Texts are cut to what the model takes, and padded to the longest of a call; for SigLIP to
        the full length, as it was trained. A model that knows no mask gets one of ones.

        Args:
            folder: with tokenizer.json (or CLIP's vocab.json and merges.txt), and, where there
                are any, tokenizer_config.json, special_tokens_map.json and config.json.
            max_tokens: a lower limit than the model's.

        Raises:
            DataError: a file that is missing or damaged, no padding token, no limit.
        """
        rules = _rules(folder, max_tokens)
        made = cls.__new__(cls)
        made.max_tokens, made._masked = rules.limit, rules.masked
        tokenizer = made._tokenizer = rules.tokenizer
        pad_id = tokenizer.token_to_id(rules.pad)
        if pad_id is None:
            raise DataError(f"{folder}: the padding token {rules.pad!r} is not in the vocabulary")
        tokenizer.enable_truncation(rules.limit, direction=rules.truncation_side)
        tokenizer.enable_padding(
            direction=rules.padding_side,
            pad_id=pad_id,
            pad_token=rules.pad,
            length=rules.limit if rules.full else None,
        )
        return made

    def __call__(self, texts: Sequence[str]) -> tuple[IntArray, IntArray]:
        """Token ids and attention mask, (B, L) int64 each.

        L is the longest of the texts, or `max_tokens` for a model that is trained so.
        """
        encoded = self._encode(texts)
        ids = np.asarray([e.ids for e in encoded], np.int64)
        mask = np.asarray([e.attention_mask for e in encoded], np.int64)
        return ids, mask if self._masked else np.ones_like(mask)

    def count_cut(self, texts: Sequence[str]) -> int:
        """How many of the texts have more than `max_tokens` tokens."""
        return sum(
            bool(encoding.overflowing)
            for start in range(0, len(texts), _CHUNK)
            for encoding in self._encode(texts[start : start + _CHUNK])
        )

    def _encode(self, texts: Sequence[str]) -> "list[tokenizers.Encoding]":
        try:
            return self._tokenizer.encode_batch(list(texts))
        except (TypeError, UnicodeError):
            bad = next(text for text in texts if not _is_unicode(text))
            raise DataError(
                f"a text is not valid Unicode: {ascii(bad)[:80]}; remove its lone surrogates"
            ) from None

    @property
    def key(self) -> str:
        """Names the tokenizing: same key and same text, same tokens."""
        content = f"{self._tokenizer.to_str()} {self._masked}".encode()
        return f"tokenizer={hashlib.sha256(content).hexdigest()} tokenizing={TOKENIZING_VERSION}"


def _read(path: Path) -> "tokenizers.Tokenizer":
    import tokenizers

    try:
        # Not from_file, which takes no path of other bytes than UTF-8.
        return tokenizers.Tokenizer.from_buffer(read_regular(path))
    except Exception as error:  # the Rust side raises bare Exception
        raise DataError(f"{path}: cannot read the tokenizer: {error}") from error


def _is_unicode(text: object) -> bool:
    try:
        return isinstance(text, str) and text.encode() is not None
    except UnicodeEncodeError:
        return False


@dataclass(frozen=True, slots=True)
class _Rules:
    """How a checkpoint cuts and pads."""

    tokenizer: "tokenizers.Tokenizer"
    limit: int
    pad: str
    padding_side: Literal["left", "right"]
    truncation_side: Literal["left", "right"]
    full: bool
    masked: bool


def _rules(folder: Path, max_tokens: int | None) -> _Rules:
    settings = _optional(folder / "tokenizer_config.json")
    model = _optional(folder / "config.json")
    kind = str(model.get("model_type"))
    path = folder / "tokenizer.json"
    named_clip = str(settings.get("tokenizer_class")).startswith("CLIPTokenizer")
    if not path.is_file() and (named_clip or kind == "clip"):
        tokenizer = read_clip_tokenizer(folder)
    else:
        tokenizer = _read(path)
    pad = settings.get("pad_token") or _optional(folder / "special_tokens_map.json").get(
        "pad_token"
    )
    if isinstance(pad, dict):
        pad = pad.get("content")
    pad = pad or (tokenizer.padding or {}).get("pad_token") or _PAD.get(kind)
    if not isinstance(pad, str):
        raise DataError(
            f"{folder}: no padding token; name one as pad_token in tokenizer_config.json"
        )
    return _Rules(
        tokenizer=tokenizer,
        limit=_limit(folder, settings, model, max_tokens),
        pad=pad,
        padding_side=_side(folder, settings, "padding_side"),
        truncation_side=_side(folder, settings, "truncation_side"),
        full=kind in _PADDED_TO_THE_FULL,
        masked="attention_mask" in settings.get("model_input_names", ["attention_mask"]),
    )


def _limit(
    folder: Path, settings: dict[str, Any], model: dict[str, Any], max_tokens: int | None
) -> int:
    """The least of the tokenizer's limit, the model's positions, and the caller's wish."""
    text = model.get("text_config")
    positions = text.get("max_position_embeddings") if isinstance(text, dict) else None
    default = _POSITIONS.get(str(model.get("model_type")))
    # Without a limit transformers writes 1e30.
    limits = [settings.get("model_max_length"), positions or default, max_tokens]
    known = [int(x) for x in limits if isinstance(x, int | float) and 0 < x < 1e9]
    if not known:
        raise DataError(
            f"{folder}: neither tokenizer_config.json (model_max_length) nor config.json "
            "(text_config.max_position_embeddings) says how many tokens the model takes"
        )
    return min(known)


def _side(folder: Path, settings: dict[str, Any], key: str) -> Literal["left", "right"]:
    side = settings.get(key, "right")
    if side not in ("left", "right"):
        raise DataError(f"{folder}: {key} is {side!r}; left or right is meant")
    return "left" if side == "left" else "right"


def _optional(path: Path) -> dict[str, Any]:
    return read_json(path) if path.is_file() else {}
