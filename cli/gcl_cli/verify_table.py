"""The tables that `gcl verify-backends` prints, of at most 80 columns."""

import math
from textwrap import fill

import click

from gcl_spec.conformance.verify import Row, Verdict

__all__ = ["show_matrix", "show_summary"]

_WHY = """\
error  largest distance from the float64 reference (the paper's sums as loops),
       at the case nearest its bound; gradients as Frobenius norms
ulp    the same in units of the last place: error / (unit roundoff x size);
       - where the quantity itself is 0 but for rounding
bound  what rounding in this dtype can explain there, to first order, from its
       width, candidates, scale and norms (gcl_spec/conformance/tolerances.py)
room   bound / error: below 1 the backend is wrong"""


def show_summary(verdict: Verdict) -> None:
    """Print a row for each backend, device, processes, dtype and quantity, then what is wrong."""
    cases = max(row.cases for row in verdict.rows)
    spread = any(row.processes > 1 for row in verdict.rows)
    keys = ("backend", "device", *(["processes"] if spread else []), "dtype", "quantity")
    _table(f"Backends against the reference, {cases} cases", verdict.rows, keys)
    for note in dict.fromkeys(
        f"{_place(row)}, case {row.case!r}: {row.note}" for row in verdict.rows if row.note
    ):
        click.echo(fill(note, 80, subsequent_indent="    "))
    click.echo(_WHY)
    click.echo(f"{verdict.seconds:.1f} s")


def show_matrix(verdict: Verdict) -> None:
    """Print a row for each backend, device, dtype, objective and kind of masks."""
    for place in dict.fromkeys(map(_place, verdict.matrix)):
        rows = [row for row in verdict.matrix if _place(row) == place]
        _table(place, rows, ("objective", "masks"))


def _place(row: Row) -> str:
    """The place where a row was computed, and its dtype."""
    spread = f" on {row.processes} processes" if row.processes > 1 else ""
    return f"{row.backend} {row.device} {row.dtype}{spread}"


def _table(title: str, rows: "tuple[Row, ...] | list[Row]", keys: tuple[str, ...]) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table

    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD, padding=0)
    for heading in keys:
        short = {"processes": "procs"}.get(heading, heading)
        table.add_column(short, no_wrap=heading != "objective")
    for heading in ("error", "ulp", "bound", "room"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("", no_wrap=True)
    for row in rows:
        table.add_row(
            *(str(getattr(row, key)) for key in keys),
            f"{row.error:.1e}",
            _short(row.ulp),
            f"{row.bound:.1e}",
            _short(row.headroom),
            "ok" if row.disagree == 0 else f"{row.disagree} wrong",
            end_section=row.quantity == "dlog_scale",
        )
    Console().print(table)


def _short(x: float) -> str:
    if math.isnan(x):
        return "-"
    if not math.isfinite(x):
        return "inf"
    if 0 < x < 0.01 or x >= 1e5:
        return f"{x:.0e}"
    return f"{x:.0f}" if x >= 10 else f"{x:.2g}"
