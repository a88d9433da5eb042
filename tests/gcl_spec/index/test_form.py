"""An index of one form is not continued in another."""

from pathlib import Path

import pytest

from embedding import MAKER
from gcl_spec.errors import ConfigError
from gcl_spec.index.about import About
from gcl_spec.index.coding import Codes
from gcl_spec.index.form import Form, chosen_form

OUT = Path("ix")
PLAIN, CODED = About(MAKER, 2, "", {}), About(MAKER, 2, "", {}, codes=Codes("binary", "float16"))


def test_new_ones() -> None:
    assert chosen_form(None, OUT, None, None) == Form("float32")
    assert chosen_form(None, OUT, "float16", None) == Form("float16")
    assert chosen_form(None, OUT, "int8", None) == Form("float32", Codes("int8"))
    assert chosen_form(None, OUT, "int8", "float32") == Form("float32", Codes("int8", "float32"))
    with pytest.raises(ConfigError, match=r"beside codes, which --dtype float32 has not"):
        chosen_form(None, OUT, None, "float16")


def test_those_that_are_there() -> None:
    assert chosen_form(PLAIN, OUT, None, None) == Form("float32")
    assert chosen_form(CODED, OUT, "binary", None) == Form("float32", CODED.codes)
    assert chosen_form(CODED, OUT, None, "float16") == Form("float32", CODED.codes)
    for about, dtype, rescore, said in (
        (PLAIN, "int8", None, "with --dtype float32, and cannot go on with --dtype int8; "),
        (PLAIN, None, "float16", "cannot go on with --dtype float32 --rescore float16"),
        (CODED, "float32", None, "with --dtype binary --rescore float16, and .* --dtype float32;"),
        (CODED, None, "float32", "cannot go on with --dtype binary --rescore float32"),
    ):
        with pytest.raises(ConfigError, match=said):
            chosen_form(about, OUT, dtype, rescore)
