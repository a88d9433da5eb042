"""`gcl verify-backends`."""

import json
from pathlib import Path

import click

from gcl_spec import registry
from gcl_spec.backend import Backend
from gcl_spec.conformance.verify import Row, Verdict, verify
from gcl_spec.errors import BackendLoadError, MissingFrameworkError

__all__ = ["command"]

_DISAGREE = 3
_MISSING = 4

_WHY = """\
error   largest distance from the float64 reference (the paper's sums as loops),
        at the case nearest its bound; gradients as Frobenius norms
bound   what rounding in this dtype can explain there, to first order, from its
        width, candidates, scale and norms (gcl_spec/conformance/tolerances.py)
digits  decimal digits that agree in the worst of all cases"""


@click.command("verify-backends")
@click.option(
    "--backend",
    "names",
    multiple=True,
    metavar="NAME",
    help="A backend, or package.module:object; repeatable. Default: all that are declared.",
)
@click.option(
    "--json",
    "json_path",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write the rows to this file too.",
)
def command(names: tuple[str, ...], json_path: Path | None) -> int:
    """Hold every backend to the reference: loss and gradients, float32 and float64.

    Exit code 0: all agree. 3: one disagrees. 4: a named backend is missing, or there is none.
    """
    backends, missing = _load(names)
    for line in missing:
        click.echo(line, err=True)
    if not backends or (names and missing):
        return _MISSING
    verdict = verify(backends, registry.load("reference"))
    _show(verdict)
    if json_path is not None:
        from gcl_spec._files import atomic_write

        with atomic_write(json_path) as file:
            file.write(json.dumps(verdict.to_json(), indent=2).encode())
    return 0 if verdict.agrees else _DISAGREE


def _load(names: tuple[str, ...]) -> tuple[list[Backend], list[str]]:
    """The backends that load, and a line for each that does not."""
    backends, missing = [], []
    for name in names or [name for name in registry.names() if name != "reference"]:
        try:
            backends.append(registry.load(name))
        except MissingFrameworkError as error:
            missing.append(f"not verified: {error}")
        except BackendLoadError as error:
            if not names:
                raise
            missing.append(f"error: {error}")
    return backends, missing


def _show(verdict: Verdict) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table

    cases = max(row.cases for row in verdict.rows)
    title = f"Backends against the reference, {cases} cases"
    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for heading in ("backend", "device", "dtype", "quantity"):
        table.add_column(heading, no_wrap=True)
    for heading in ("error", "bound", "of bound", "digits"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("")
    for row in verdict.rows:
        table.add_row(*_cells(row), end_section=row.quantity == "dlog_scale")
    console = Console()
    console.print(table)
    for note in dict.fromkeys(row.note for row in verdict.rows if row.note):
        console.print(note, markup=False, highlight=False)
    console.print(_WHY, markup=False, highlight=False)


def _cells(row: Row) -> tuple[str, ...]:
    return (
        row.backend,
        row.device,
        row.dtype,
        row.quantity,
        f"{row.error:.1e}",
        f"{row.bound:.1e}",
        f"{row.error / row.bound:.2%}",
        f"{row.digits:.1f}",
        "ok" if row.disagree == 0 else f"{row.disagree} wrong: {row.case}",
    )
