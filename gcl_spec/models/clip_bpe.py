"""CLIP's byte-pair encoding, built in code (Radford et al., arXiv 2103.00020, section 2.4)."""

from pathlib import Path
from typing import TYPE_CHECKING

from gcl_spec._files.reading import read_regular
from gcl_spec._words import LFS_POINTER, is_lfs_pointer
from gcl_spec.errors import DataError

if TYPE_CHECKING:
    from tokenizers import Tokenizer

__all__ = ["CLEANS", "END", "START", "clip_tokenizer", "read_clip_tokenizer"]

START, END = "<|startoftext|>", "<|endoftext|>"

CLEANS = "gcl_cleans_text"
"""This setting of tokenizer_config.json, which is ours alone, says that texts are cleaned first.

CLIP's own tokenizer does so (`gcl_spec.data.prepare.clean_text`), and transformers' do not.
"""

_WORDS = (
    r"<\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"
)


def clip_tokenizer(vocabulary: dict[str, int], merges: list[tuple[str, str]]) -> "Tokenizer":
    """The tokenizer of CLIP: lower case, words, bytes, merges, with a start and an end token.

    Args:
        vocabulary: the ids of `START`, of `END`, of the bytes in GPT-2's alphabet inside of words
            and, with "</w>" behind, at the end of words, and of what they merge to.
        merges: the pairs of tokens that become one, in the order in which they are tried.
    """
    from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers
    from tokenizers import pre_tokenizers as pre
    from tokenizers.processors import RobertaProcessing

    bpe = models.BPE(vocabulary, merges, unk_token=END, end_of_word_suffix="</w>")
    bpe.continuing_subword_prefix = ""
    made = Tokenizer(bpe)
    made.normalizer = normalizers.Sequence(
        [
            normalizers.NFC(),
            normalizers.Replace(Regex(r"\s+"), " "),
            normalizers.Lowercase(),
        ]
    )
    made.pre_tokenizer = pre.Sequence(
        [
            pre.Split(Regex(_WORDS), behavior="removed", invert=True),
            pre.ByteLevel(add_prefix_space=False),
        ]
    )
    made.decoder = decoders.ByteLevel()
    made.add_special_tokens([AddedToken(x, special=True, normalized=False) for x in (START, END)])
    made.post_processor = RobertaProcessing(
        (END, vocabulary[END]),
        (START, vocabulary[START]),
        trim_offsets=False,
        add_prefix_space=False,
    )
    return made


def read_clip_tokenizer(folder: Path) -> "Tokenizer":
    """The tokenizer in vocab.json and merges.txt; a `DataError` where one is missing or damaged."""
    from tokenizers.models import BPE

    files = folder / "vocab.json", folder / "merges.txt"
    try:
        for file in files:
            if is_lfs_pointer(read_regular(file)):
                raise DataError(f"{file}: {LFS_POINTER}")
        vocabulary, merges = BPE.read_file(*map(str, files))
        return clip_tokenizer(vocabulary, merges)
    except DataError:
        raise
    except Exception as error:  # the Rust side raises bare Exception
        raise DataError(
            f"{folder}: no tokenizer.json, and cannot read vocab.json and merges.txt: {error}"
        ) from error
