"""The tokenizer of BERT (Devlin et al., arXiv 1810.04805) of its older file, vocab.txt.

Newer checkpoints have tokenizer.json, which holds the same and more.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from gcl_spec._files.reading import read_regular, reason
from gcl_spec.errors import DataError

if TYPE_CHECKING:
    import tokenizers

__all__ = ["VOCABULARY", "read_vocabulary", "read_word_pieces"]

VOCABULARY = "vocab.txt"
"""The name of the file: a token a line, in the order of their numbers."""


def read_vocabulary(folder: Path) -> dict[str, int]:
    """The numbers of the tokens in vocab.txt, by token; a `DataError` where it cannot be read."""
    path = folder / VOCABULARY
    try:
        lines = read_regular(path).decode("utf-8").splitlines()
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: cannot read it: {reason(error)}") from error
    return {token: number for number, token in enumerate(lines)}


def read_word_pieces(folder: Path, settings: dict[str, Any]) -> "tokenizers.Tokenizer":
    """The tokenizer of a folder with vocab.txt, as transformers' `BertTokenizer` makes it.

    Args:
        folder: it has vocab.txt.
        settings: the content of tokenizer_config.json.

    Raises:
        DataError: the file cannot be read, or lacks one of BERT's special tokens.
    """
    from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors

    vocabulary = read_vocabulary(folder)
    special = ("[CLS]", "[SEP]", "[UNK]", "[PAD]")
    missing = [token for token in special if token not in vocabulary]
    if missing:
        raise DataError(f"{folder / VOCABULARY}: no token {missing[0]}, which every BERT has")
    made = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
    made.normalizer = normalizers.BertNormalizer(
        lowercase=settings.get("do_lower_case", True) is not False,
        handle_chinese_chars=settings.get("tokenize_chinese_chars", True) is not False,
        strip_accents=settings.get("strip_accents"),
    )
    made.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    made.decoder = decoders.WordPiece()
    start, end = ((token, vocabulary[token]) for token in special[:2])
    made.post_processor = processors.BertProcessing(end, start)
    made.add_special_tokens([token for token in (*special, "[MASK]") if token in vocabulary])
    return made
