"""The tokenizer of a TinyCLIP, in any of the forms in which it may lie beside the weights."""

import gzip
import json
from pathlib import Path
from typing import Any

from gcl_spec._files.reading import read_regular, reason
from gcl_spec._words import one_line
from gcl_spec.errors import DataError
from gcl_spec.models.clip_bpe import CLEANS, END, START, clip_tokenizer, read_clip_tokenizer

__all__ = ["write_tokenizer"]

_MERGES = ("bpe_simple_vocab_16e6.txt.gz", "bpe_simple_vocab_16e6.txt")
"""The file of merges in the repositories of CLIP, open_clip and TinyCLIP."""

_MOST = 2**24  # bytes of it, unpacked; it has three megabytes


def write_tokenizer(folder: Path, out: Path, *, words: int, length: int) -> None:
    """Write tokenizer.json and tokenizer_config.json into `out`.

    The tokenizer is that of `folder`: its tokenizer.json, its vocab.json and merges.txt, or
    bpe_simple_vocab_16e6.txt.gz as CLIP's own repository has it.

    Args:
        folder: where the weights lie.
        out: an existing folder.
        words: the rows of the model's token embedding.
        length: the most tokens of a text.

    Raises:
        DataError: there is none, it is damaged, or it does not fit the embedding.
    """
    path = folder / "tokenizer.json"
    if path.is_file():
        content = read_regular(path).decode("utf-8", errors="replace")
        (out / path.name).write_text(content, encoding="utf-8")
        return _write_config(out, length)
    merges = next((folder / name for name in _MERGES if (folder / name).is_file()), None)
    if merges is None and not (folder / "vocab.json").is_file():
        raise DataError(
            f"{folder}: no tokenizer beside the weights: put CLIP's there, as tokenizer.json, as "
            f"vocab.json and merges.txt, or as {_MERGES[0]}"
        )
    made = read_clip_tokenizer(folder) if merges is None else _from_merges(merges, words)
    (out / "tokenizer.json").write_text(made.to_str(), encoding="utf-8")
    return _write_config(out, length)


def _write_config(out: Path, length: int) -> None:
    settings = {
        "tokenizer_class": "CLIPTokenizer",
        "bos_token": START,
        "eos_token": END,
        "pad_token": END,
        "unk_token": END,
        "model_max_length": length,
        CLEANS: True,
    }
    (out / "tokenizer_config.json").write_text(json.dumps(settings, indent=2) + "\n")


def _from_merges(path: Path, words: int) -> Any:
    """The tokenizer of a file of merges, of which as many are used as the embedding has rows for.

    A merge a line follows a first line that says what the file is
    (https://github.com/openai/CLIP/blob/main/clip/simple_tokenizer.py).
    """
    try:
        data = read_regular(path)
        if path.suffix == ".gz":
            with gzip.open(path) as file:
                data = file.read(_MOST)
        lines = data.decode("utf-8").splitlines()[1:]
    except (OSError, EOFError, ValueError) as error:
        raise DataError(f"{path}: cannot read it: {one_line(reason(error))}") from error
    letters = _letters()
    count = words - 2 * len(letters) - 2
    pairs = [tuple(line.split()) for line in lines[: max(count, 0)]]
    if count < 0 or len(pairs) < count or any(len(pair) != 2 for pair in pairs):
        raise DataError(
            f"{path}: it gives {len(lines) + 2 * len(letters) + 2} tokens, but the model's token "
            f"embedding has {words} rows: it is of another model, or damaged"
        )
    merges = [(pair[0], pair[1]) for pair in pairs]
    tokens = [*letters, *(x + "</w>" for x in letters), *map("".join, merges), START, END]
    return clip_tokenizer({token: i for i, token in enumerate(tokens)}, merges)


def _letters() -> list[str]:
    """GPT-2's characters for the 256 bytes, in the order of CLIP: printable ones first."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    return [chr(x) for x in printable] + [chr(256 + i) for i in range(256 - len(printable))]
