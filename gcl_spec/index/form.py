"""The form of an index's vectors, as the options of `gcl index` choose it."""

from pathlib import Path
from typing import NamedTuple

from gcl_spec.errors import ConfigError
from gcl_spec.index.about import About, form_of
from gcl_spec.index.coding import CODES, Codes

__all__ = ["Form", "chosen_form"]


class Form(NamedTuple):
    """The dtype of rows, and what is stored in place of them, None for the rows."""

    dtype: str
    codes: Codes | None = None


def chosen_form(about: About | None, out: Path, dtype: str | None, rescore: str | None) -> Form:
    """The form of a new index, or that of one that is there.

    Args:
        about: what the index is; None for a new one.
        out: the index, for messages.
        dtype: the wanted one of vectors; None: float32, or that of the index.
        rescore: the wanted one of whole rows beside codes; None: none, or that of the index.

    Raises:
        ConfigError: whole rows are asked for beside rows, or the index has another form.
    """
    if about is None:
        if dtype not in CODES:
            if rescore:
                raise ConfigError(
                    f"--rescore {rescore} keeps rows beside codes, which --dtype "
                    f"{dtype or 'float32'} has not; take --dtype int8 or binary"
                )
            return Form(dtype or "float32")
        return Form("float32", Codes(dtype or "", rescore or ""))
    there = about.codes.rescore if about.codes else ""
    if dtype not in (None, about.dtype) or rescore not in (None, there):
        wanted = form_of(dtype or about.dtype, rescore or "")
        raise ConfigError(
            f"{out} was made with {about.form}, and cannot go on with {wanted}; make another index"
        )
    return Form(about.maker.dtype, about.codes)
