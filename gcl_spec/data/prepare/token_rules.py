"""Reads from a checkpoint's files how texts are cut into tokens, cut off and padded."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from gcl_spec._files.reading import is_file, read_regular, reason
from gcl_spec._words import LFS_POINTER, is_lfs_pointer, one_line
from gcl_spec.data.prepare.token_bounds import (
    MOST_BYTES,
    MOST_TOKENS,
    out_of_bounds,
    too_large,
)
from gcl_spec.errors import DataError
from gcl_spec.models.clip_bpe import CLEANS, END, read_clip_tokenizer
from gcl_spec.models.config_json import read_json
from gcl_spec.models.word_pieces import VOCABULARY, read_word_pieces

if TYPE_CHECKING:
    import tokenizers

__all__ = ["TokenRules", "read_tokenizer", "token_rules"]

_Side = Literal["left", "right"]

# The numbers of positions of models whose config.json leaves the number out.
_POSITIONS = {"clip": 77, "siglip": 64, "siglip2": 64}
# These models were trained on texts that are all padded to the full length, without a mask.
_PADDED_TO_THE_FULL = ("siglip", "siglip2")
# The padding tokens of models, where neither the tokenizer's configuration nor its file names one.
_PAD = {"clip": END, "siglip": "</s>"}
# The numbers of rows of the token embedding, where config.json leaves the number out.
_VOCABULARY = {"clip": 49408, "siglip": 32000, "siglip2": 32000}
# These tokenizers of transformers pad on the left unless they are told otherwise.
_LEFT = ("GemmaTokenizer", "Siglip2Tokenizer")


def read_tokenizer(path: Path) -> "tokenizers.Tokenizer":
    """The tokenizer in a tokenizer.json file; a `DataError` where it cannot be read."""
    import tokenizers

    try:
        content = read_regular(path, most=MOST_BYTES)
        if is_lfs_pointer(content):
            raise DataError(f"{path}: {LFS_POINTER}")
        wrong = too_large(content)
        if wrong is None:
            # The file is read here, because `from_file` takes no path of other bytes than UTF-8.
            made = tokenizers.Tokenizer.from_buffer(content)
            wrong = out_of_bounds(made)
        if wrong is not None:
            raise DataError(f"{path}: {wrong}")
        return made
    except DataError:
        raise
    except Exception as error:  # the Rust side raises bare Exception
        way = (
            ""
            if path.exists()
            else (
                "; where there are other tokenizer files, transformers writes this one: python -c "
                '"from transformers import AutoTokenizer as T; '
                "T.from_pretrained('FOLDER').save_pretrained('FOLDER')\""
            )
        )
        raise DataError(
            f"{path}: cannot read the tokenizer: {one_line(reason(error))}{way}"
        ) from error


@dataclass(frozen=True, slots=True)
class TokenRules:
    """The rules by which a checkpoint cuts and pads texts."""

    tokenizer: "tokenizers.Tokenizer"
    limit: int
    pad: str
    padding_side: _Side
    truncation_side: _Side
    full: bool
    masked: bool
    rows: int | None
    cleans: bool


def token_rules(folder: Path, max_tokens: int | None = None) -> TokenRules:
    """The rules of a checkpoint.

    Args:
        folder: the checkpoint.
        max_tokens: a lower limit than the checkpoint's own.

    Raises:
        DataError: files that are damaged or of no use.
    """
    settings = _optional(folder / "tokenizer_config.json")
    model = _optional(folder / "config.json")
    kind = str(model.get("model_type"))
    name = str(settings.get("tokenizer_class")).removesuffix("Fast")
    _refuse_code(folder, settings, name)
    path = folder / "tokenizer.json"
    if not path.is_file() and (name == "CLIPTokenizer" or kind == "clip"):
        tokenizer = read_clip_tokenizer(folder)
    elif not path.is_file() and is_file(folder / VOCABULARY):
        tokenizer = read_word_pieces(folder, settings)
    else:
        tokenizer = read_tokenizer(path)
    # SigLIP 2 was trained on lower case, which transformers does in this class, not in the file.
    if kind == "siglip2" or name == "Siglip2Tokenizer":
        name = "Siglip2Tokenizer"
        _lower_case(tokenizer)
    names = settings.get("model_input_names")
    return TokenRules(
        tokenizer=tokenizer,
        limit=_limit(folder, settings, model, max_tokens),
        pad=_padding(folder, settings, tokenizer, kind),
        padding_side=_side(folder, settings, "padding_side", "left" if name in _LEFT else "right"),
        truncation_side=_side(folder, settings, "truncation_side", "right"),
        full=kind in _PADDED_TO_THE_FULL,
        masked=not isinstance(names, list) or "attention_mask" in names,
        rows=_rows(model, kind),
        cleans=settings.get(CLEANS) is True,
    )


def _refuse_code(folder: Path, settings: dict[str, Any], name: str) -> None:
    """Raise a `DataError` where the tokens come from the folder's own code, which is never run."""
    code = settings.get("auto_map")
    if isinstance(code, dict):
        code = code.get("AutoTokenizer")
    parts = code if isinstance(code, list) else [code]
    classes = [part for part in parts if isinstance(part, str)]
    own = [part.rpartition(".")[2].removesuffix("Fast") for part in classes]
    if classes and name in (*own, "None"):
        raise DataError(
            f"{folder / 'tokenizer_config.json'}: auto_map names {classes[0][:80]!r}, code that "
            "is never run; where tokenizer.json alone gives the same tokens, remove auto_map and "
            "set tokenizer_class to PreTrainedTokenizerFast"
        )


def _lower_case(tokenizer: "tokenizers.Tokenizer") -> None:
    from tokenizers import normalizers

    lower, own = normalizers.Lowercase(), tokenizer.normalizer
    tokenizer.normalizer = lower if own is None else normalizers.Sequence([lower, own])


def _padding(
    folder: Path, settings: dict[str, Any], tokenizer: "tokenizers.Tokenizer", kind: str
) -> str:
    """The padding token that the first of several places names."""
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
    return pad


def _rows(model: dict[str, Any], kind: str) -> int | None:
    """The number of tokens that the model knows."""
    text = model.get("text_config")
    given = text.get("vocab_size") if isinstance(text, dict) else None
    return given if type(given) is int and given > 0 else _VOCABULARY.get(kind)


def _limit(
    folder: Path, settings: dict[str, Any], model: dict[str, Any], max_tokens: int | None
) -> int:
    """The least of the tokenizer's limit, the model's positions, and the caller's wish."""
    text = model.get("text_config")
    positions = text.get("max_position_embeddings") if isinstance(text, dict) else None
    default = _POSITIONS.get(str(model.get("model_type")))
    # transformers writes 1e30 where there is no limit.
    limits = [settings.get("model_max_length"), positions or default, max_tokens]
    known = [int(x) for x in limits if isinstance(x, int | float) and 1 <= x < 1e9]
    if not known:
        raise DataError(
            f"{folder}: neither tokenizer_config.json (model_max_length) nor config.json "
            "(text_config.max_position_embeddings) says how many tokens the model takes"
        )
    limit = min(known)
    if limit > MOST_TOKENS:
        raise DataError(
            f"{folder}: texts of {limit:,} tokens; at most {MOST_TOKENS:,} are taken: set "
            "model_max_length in tokenizer_config.json"
        )
    return limit


def _side(folder: Path, settings: dict[str, Any], key: str, default: _Side) -> _Side:
    side = settings.get(key)
    if side not in ("left", "right", None):
        raise DataError(f"{folder}: {key} is {side!r}; left or right is meant")
    return default if side is None else side


def _optional(path: Path) -> dict[str, Any]:
    return read_json(path) if path.is_file() else {}
