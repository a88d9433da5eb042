"""Texts are cleaned as CLIP's own tokenizer does it."""

import pytest

from gcl_spec.data.prepare.clean_text import cleaned


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("&lt;b&gt; &amp; x", "<b> & x"),
        ("AT&amp;amp;T &eacute;", "AT&T \xe9"),
        ("<b> &amp;amp; x", "<b> & x"),
        ("\u201ccurly\u201d \u2013 don\u2019t\u2026", '"curly" \u2013 don\'t\u2026'),
        ("\ufb01sh \uff21\uff22\u3000\u0149", "fish AB 'n"),
        ("e\u0301 \u65e5\u672c\u8a9e \U0001f600", "\xe9 \u65e5\u672c\u8a9e \U0001f600"),
        ("  \n", ""),
    ],
)
def test_what_is_resolved_and_what_stays(text: str, wanted: str) -> None:
    assert cleaned(text) == wanted
