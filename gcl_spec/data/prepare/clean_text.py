"""Cleans texts as CLIP's own tokenizer does before it cuts them into tokens.

OpenAI's and open_clip's tokenizers (`basic_clean` in
https://github.com/openai/CLIP/blob/main/clip/simple_tokenizer.py) let ftfy mend a text, and resolve
HTML's entities twice. transformers' tokenizers, which most checkpoints come with, do neither.
"""

import html
import unicodedata

__all__ = ["cleaned"]

# These are ftfy's tables (https://ftfy.readthedocs.io, `uncurl_quotes`, `fix_latin_ligatures` and
# `fix_character_width`); texts whose bytes were read in a wrong encoding are not mended here.
_QUOTES = {**dict.fromkeys("\u02bc\u2018\u2019\u201a\u201b", "'")} | dict.fromkeys(
    "\u201c\u201d\u201e\u201f", '"'
)
_LIGATURES = {
    **{"\u0132": "IJ", "\u0133": "ij", "\u0149": "'n", "\ufb05": "\u017ft", "\ufb06": "st"},
    **{x: unicodedata.normalize("NFKC", x) for x in "\u01f1\u01f2\u01f3\u01c7\u01c8\u01c9"},
    **{x: unicodedata.normalize("NFKC", x) for x in "\u01ca\u01cb\u01cc\u01c4\u01c5\u01c6"},
    **{x: unicodedata.normalize("NFKC", x) for x in "\ufb00\ufb01\ufb02\ufb03\ufb04"},
}
_WIDTHS = {"\u3000": " "} | {
    x: unicodedata.normalize("NFKC", x) for x in map(chr, range(0xFF01, 0xFFF0))
}
_TABLE = str.maketrans(_QUOTES | _LIGATURES | _WIDTHS)


def cleaned(text: str) -> str:
    """The text with entities resolved, straight quotes, no ligatures, and letters of one width.

    >>> cleaned(" a &amp;amp; b: &lt;i&gt; \u201cc\u201d ")
    'a & b: <i> "c"'
    """
    if (
        "<" not in text
    ):  # ftfy takes a text with such a sign for HTML, whose entities have a meaning
        text = html.unescape(text)
    text = unicodedata.normalize("NFC", text.translate(_TABLE))
    return html.unescape(html.unescape(text)).strip()
