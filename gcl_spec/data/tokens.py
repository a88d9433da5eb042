"""Texts as token numbers, by the Rust `tokenizers` library."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from gcl_spec._typing import IntArray
from gcl_spec.errors import DataError

__all__ = ["TOKENIZING_VERSION", "Tokenizer"]

# Enters the key of cached tower outputs: raise it whenever a text gets other tokens.
TOKENIZING_VERSION = 1


class Tokenizer:
    """A `tokenizer.json` file with a limit on the length."""

    def __init__(self, path: Path, *, max_tokens: int) -> None:
        """Read the file; `DataError` when it cannot be read."""
        import tokenizers

        try:
            self._tokenizer = tokenizers.Tokenizer.from_file(str(path))
        except Exception as error:  # the Rust side raises bare Exception
            raise DataError(f"{path}: cannot read the tokenizer: {error}") from error
        self._tokenizer.enable_truncation(max_tokens)
        self._tokenizer.enable_padding()

    def __call__(self, texts: Sequence[str]) -> tuple[IntArray, IntArray]:
        """Token ids and attention mask, (B, L) int64 each, padded to the longest of the texts."""
        encoded = self._tokenizer.encode_batch(list(texts))
        ids = np.asarray([e.ids for e in encoded], np.int64)
        mask = np.asarray([e.attention_mask for e in encoded], np.int64)
        return ids, mask
