"""`gcl eval --quantise` and `--dims`: hits by the bytes of a stored vector."""

from typing import TYPE_CHECKING, NamedTuple

import click

from gcl_cli._options import Option
from gcl_cli.lines import say
from gcl_spec.errors import InputError
from gcl_spec.evaluate.small.forms import QUANTISED, RESCORED

if TYPE_CHECKING:
    from gcl_spec.evaluate.small.curve import Curve

__all__ = ["Small", "dims_option", "quantise_option", "show_curve", "wanted_small"]


class Small(NamedTuple):
    """Which forms are measured beside float32, and the widths beside the whole one."""

    forms: tuple[str, ...]
    dims: tuple[int, ...]


def _dims(ctx: click.Context, param: click.Parameter, value: str | None) -> tuple[int, ...] | None:
    """The whole numbers from 1 on, each once, that a user's text such as 64,128 means."""
    words = [] if value is None else [word.strip() for word in value.split(",")]
    for word in words:
        if not (word.isascii() and word.isdigit() and len(word) < 10 and int(word)):
            raise click.BadParameter(f"{word!r:.40} is no number of dims; wanted such as 64,128")
    return tuple(dict.fromkeys(map(int, words))) or None


def quantise_option() -> Option:
    """`--quantise`."""
    return click.option(
        "--quantise",
        type=click.Choice([*QUANTISED]),
        help="hit@10 by the bytes of a candidate's vector, in this form and in float32; binary: "
        f"also with the first {RESCORED} scored again, by their bits and by int8.",
    )


def dims_option() -> Option:
    """`--dims`."""
    return click.option(
        "--dims",
        callback=_dims,
        metavar="N,N,...",
        help="The same with vectors cut to their first N numbers, and whole.",
    )


def wanted_small(quantise: str | None, dims: tuple[int, ...] | None) -> Small | None:
    """What is to be measured; None where neither option is given.

    Raises:
        UsageError: a width is no whole number of bytes where bits are stored.
    """
    from gcl_spec.evaluate.small.curve import check_dims

    if quantise is None and dims is None:
        return None
    found = Small(() if quantise is None else QUANTISED[quantise], dims or ())
    try:
        check_dims(found.dims, found.forms)
    except InputError as error:
        raise click.UsageError(f"--dims: {error}") from error
    return found


def show_curve(found: "Curve") -> None:
    """Print the tables of an evaluation in smaller forms."""
    from rich.console import Console

    from gcl_spec.report.small_tables import curve_rows, meanings, pair_rows
    from gcl_spec.report.tables import rich_table

    console = Console()
    console.print(rich_table(curve_rows(found), "hit@10 by bytes a vector, percent"))
    for rows in pair_rows(found):
        console.print(rich_table(rows, "Global pool, percent"))
    for line in meanings(found):
        say(line)
