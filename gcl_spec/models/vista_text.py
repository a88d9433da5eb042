"""Finds the tokenizer of a VISTA's text encoder, and the tokens that begin and end its texts."""

from pathlib import Path
from typing import Any

from gcl_spec._files.reading import is_file
from gcl_spec.errors import DataError
from gcl_spec.models.config_json import read_json
from gcl_spec.models.hub import fetched, local_folder
from gcl_spec.models.vista_layout import BASE, M3, Shapes, sizes_of
from gcl_spec.models.vista_settings import VistaSettings
from gcl_spec.models.word_pieces import VOCABULARY
from gcl_spec.models.word_pieces import read_vocabulary as vocab_lines

__all__ = ["TOKENIZER_FILES", "marks_of", "read_vocabulary", "text_files"]

TOKENIZER_FILES = ("tokenizer.json", VOCABULARY)
"""Files one of which a folder of the text encoder has."""

_WANTED = ("config.json", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json",
           "vocab.txt")  # fmt: skip
_HUB = {BASE: "BAAI/bge-base-en-v1.5", M3: "BAAI/bge-m3"}
_OPTION = "model.text_path"


def text_files(path: str, beside: Path, shapes: Shapes) -> Path:
    """The folder with the tokenizer of the text encoder, and perhaps its config.json.

    Args:
        path: the option `model.text_path`.
        beside: the folder of the weights, which may have them, or a folder bge with them.
        shapes: the shapes of the weights; of the published sizes they are in the hub.

    Raises:
        DataError: there is none, or it cannot be fetched.
    """
    if path:
        folder = local_folder(path) or fetched(path, _WANTED, _OPTION)
        if not _has(folder):
            raise DataError(f"{folder}: no {' or '.join(TOKENIZER_FILES)} of a text encoder")
        return folder
    for folder in (beside / "bge", beside):
        if _has(folder):
            return folder
    sizes = sizes_of(shapes)
    if sizes in _HUB:
        return fetched(_HUB[sizes], _WANTED, _OPTION)
    raise DataError(
        f"{beside}: no tokenizer: give the folder with that of the text encoder (tokenizer.json or "
        f"{VOCABULARY}) as {_OPTION}, or put it there as bge"
    )


def _has(folder: Path) -> bool:
    return any(is_file(folder / name) for name in TOKENIZER_FILES)


def marks_of(text: Path, settings: VistaSettings) -> tuple[int, int]:
    """The numbers of the tokens that begin and end every text, [CLS] and [SEP].

    Args:
        text: the folder that `text_files` gives.
        settings: those of the model.

    Raises:
        DataError: the vocabulary has no such tokens.
    """
    if settings.roberta:
        path = text / "config.json"
        config = read_json(path) if path.is_file() else {}
        numbers = config.get("bos_token_id", 0), config.get("eos_token_id", 2)
    else:
        vocabulary = read_vocabulary(text)
        numbers = vocabulary.get("[CLS]"), vocabulary.get("[SEP]")
    first, last = numbers
    rows = settings.sizes.vocabulary
    if type(first) is not int or type(last) is not int or not (0 <= first < rows > last >= 0):
        raise DataError(
            f"{text}: the tokens that begin and end a text are {first!r:.20} and {last!r:.20}; two "
            f"of the model's {rows} are meant: the tokenizer is of another model"
        )
    return first, last


def read_vocabulary(text: Path) -> dict[str, Any]:
    """The numbers of the tokens of a BERT, by token.

    Raises:
        DataError: neither tokenizer.json nor vocab.txt can be read.
    """
    path = text / TOKENIZER_FILES[0]
    if is_file(path):
        model = read_json(path).get("model")
        vocabulary = model.get("vocab") if isinstance(model, dict) else None
        if isinstance(vocabulary, dict):
            return vocabulary
        raise DataError(f"{path}: no vocabulary of a BERT: is the tokenizer that of this model?")
    return vocab_lines(text)
