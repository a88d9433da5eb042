"""`gcl eval --quantise` and `--dims`: hits by the bytes of a stored vector."""

import json
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import click

from gcl_cli._json import write_json
from gcl_cli._kept import keep
from gcl_cli._options import Option
from gcl_cli.lines import say
from gcl_spec.errors import InputError
from gcl_spec.evaluate.small.forms import QUANTISED, RESCORED

if TYPE_CHECKING:
    from gcl_spec.evaluate.calibrations.rows import Encode
    from gcl_spec.evaluate.small.curve import Curve
    from gcl_spec.run.loaded import LoadedRun
    from gcl_spec.tasks.task import Task

__all__ = ["Small", "dims_option", "quantise_option", "small_vectors", "wanted_small"]


class Small(NamedTuple):
    """The forms that are measured beside float32, and the widths beside the whole one."""

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
        multiple=True,
        type=click.Choice([*QUANTISED]),
        callback=lambda ctx, param, value: value or None,
        help="hit@10 by the bytes of a candidate's vector, in these forms and in float32. "
        f"binary: also with the first {RESCORED} scored again, by their bits and by int8. The run "
        "keeps the result, and its report shows it.",
    )


def dims_option() -> Option:
    """`--dims`."""
    return click.option(
        "--dims",
        callback=_dims,
        metavar="N,N,...",
        help="The same with vectors cut to their first N numbers, and whole.",
    )


def wanted_small(quantise: Sequence[str] | None, dims: tuple[int, ...] | None) -> Small | None:
    """The forms and widths that are asked for; None where neither option is given.

    Raises:
        UsageError: a width is no whole number of bytes where bits are stored.
    """
    from gcl_spec.evaluate.small.curve import check_dims

    if quantise is None and dims is None:
        return None
    forms = tuple(form for name in quantise or () for form in QUANTISED[name])
    small = Small(forms, dims or ())
    try:
        check_dims(small.dims, small.forms)
    except InputError as error:
        raise click.UsageError(f"--dims: {error}") from error
    return small


def small_vectors(
    run: Path,
    loaded: "LoadedRun",
    searches: "tuple[Encode, Sequence[Task]]",
    small: Small,
    json_path: Path | None,
    origin: dict[str, str],
    *,
    allow_unverified: bool,
) -> None:
    """Print what a run finds in smaller forms, write it as JSON, and keep it with the run.

    Args:
        run: the folder of the run.
        loaded: its model.
        searches: what encodes items, and the tasks.
        small: what is measured.
        json_path: where everything goes.
        origin: where the result comes from, by name.
        allow_unverified: take files of the run that have no checksum.
    """
    from gcl_spec.evaluate.small.curve import curve
    from gcl_spec.report.small_section import with_curve

    hits_by_bytes = curve(*searches, loaded.calibration, forms=small.forms, dims=small.dims)
    hits_by_bytes = replace(hits_by_bytes, origin=tuple(origin.items()))
    write_json(json_path, hits_by_bytes.to_json())
    _show(hits_by_bytes)
    text, shown = json.dumps(hits_by_bytes.to_json()), partial(with_curve, curve=hits_by_bytes)
    keep(run, "small.json", text, shown, allow_unverified=allow_unverified)


def _show(hits_by_bytes: "Curve") -> None:
    """Print the tables of an evaluation in smaller forms."""
    from rich.console import Console

    from gcl_spec.report.small_tables import curve_rows, meanings, pair_rows
    from gcl_spec.report.tables import rich_table

    console = Console()
    console.print(rich_table(curve_rows(hits_by_bytes), "hit@10 by bytes a vector, percent"))
    for rows in pair_rows(hits_by_bytes):
        console.print(rich_table(rows, "Global pool, percent"))
    for line in meanings(hits_by_bytes):
        say(line)
