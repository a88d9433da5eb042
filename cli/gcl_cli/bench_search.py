"""`gcl bench search`."""

import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gcl_cli._json import write_json
from gcl_cli._options import device_option, json_option
from gcl_spec._files.atomic import check_writable

if TYPE_CHECKING:
    from gcl_spec.bench.search import SearchCase

__all__ = ["search"]

Results = list[tuple["SearchCase", dict[str, Any]]]

_UNITS = (
    "s         median of a search of the whole file",
    "products  the same by the products of all queries and rows by this library, made in turn, of "
    "rows in memory",
    "cpu       the same ratio of processor time",
    "MB        most memory of the process, with its libraries; in brackets: by the search",
    "cut       queries of which k cuts a tie",
)


@click.command("search")
@click.option("--backend", "backends", multiple=True, default=("numpy",), show_default=True,
              metavar="NAME", help="numpy, torch, jax, faiss or another; repeatable.")  # fmt: skip
@click.option("-q", "queries", type=click.IntRange(1), default=1000, show_default=True, metavar="Q",
              help="Queries.")  # fmt: skip
@click.option("-c", "rows", type=click.IntRange(1), default=200_000, show_default=True,
              metavar="C", help="Candidates.")  # fmt: skip
@click.option("-d", "width", type=click.IntRange(1), default=512, show_default=True, metavar="D",
              help="Width of a row.")  # fmt: skip
@click.option("-k", type=click.IntRange(1), default=50, show_default=True, metavar="K",
              help="Candidates to find for each query.")  # fmt: skip
@click.option("--memory", default="1GB", show_default=True, metavar="SIZE",
              help="What the search may allocate.")  # fmt: skip
@device_option()
@click.option("--threads", type=click.IntRange(1), default=1, show_default=True, metavar="K")
@click.option("--repeats", type=click.IntRange(1), default=3, show_default=True, metavar="K")
@click.option("--timeout", type=click.FloatRange(0, min_open=True), default=3600.0,
              show_default=True, metavar="SECONDS", help="For one backend.")  # fmt: skip
@click.option("--folder", type=click.Path(exists=True, file_okay=False, path_type=Path),
              help="Where the file of rows is written and removed.  [default: a temporary one]",
              )  # fmt: skip
@json_option("Write every repeat too.")
def search(
    backends: Sequence[str], rows: int, width: int, folder: Path | None, json_path: Path | None,
    timeout: float, **options: Any,
) -> int:  # fmt: skip
    """Time and memory of an exact search (gcl_spec.search.top_k).

    The candidates are float32 unit rows in a mapped file of 4 C D bytes, which is removed at the
    end. Each backend runs in a process of its own; one that fails is a line. All must find the same
    ids.

    Exit code 0: all that ran found the same. 1: they did not, or none ran.
    """
    from gcl_spec.bench.process import ask
    from gcl_spec.bench.search import SearchCase, write_rows
    from gcl_spec.search.memory import memory_bytes

    check_writable(json_path)
    memory_bytes(options["memory"])
    results: Results = []
    try:
        with tempfile.TemporaryDirectory(prefix="gcl-bench-", dir=folder) as temporary:
            path = Path(temporary) / "rows.npy"
            write_rows(path, rows, width)
            for name in dict.fromkeys(backends):
                case = SearchCase(backend=name, path=str(path), **options)
                results.append((case, ask("search", case, timeout=timeout)))
                error = results[-1][1].get("error")
                click.echo(f"{name}: {f'failed: {error}' if error else 'measured'}", err=True)
    finally:
        # An interrupted run still shows what it has measured.
        if results:
            _report(json_path, (rows, width), results)
    ids = {answer["found"]["ids"] for _, answer in results if "found" in answer}
    if len(ids) > 1:
        click.echo("the backends found different ids", err=True)
    return int(len(ids) != 1)


def _report(json_path: Path | None, shape: tuple[int, int], results: Results) -> None:
    """Write what was measured of C rows of width D, and show it."""
    from gcl_spec.bench.suite import machine

    measurements, (rows, width) = [], shape
    for case, answer in results:
        settings = {**asdict(case), "rows": rows, "width": width}
        del settings["path"]
        measurements.append(
            {**settings, "error": answer.get("error", ""), **answer.get("found", {})}
        )
    try:
        write_json(
            json_path, {"schema": 1, "machine": machine(), "results": measurements}, indent=2
        )
    finally:
        _show(f"{results[0][0].queries} queries, {rows} rows, d = {width}", results)


def _show(title: str, results: Results) -> None:
    from statistics import median

    from rich.console import Console

    from gcl_spec.report.tables import rich_table

    case = results[0][0]
    table = [["backend", "s", "products", "cpu", "MB", "cut"]]
    for each, answer in results:
        figures = answer.get("found")
        if figures is None:
            table.append([each.backend, "-", "-", "-", "-", "-"])
            continue
        numbers = [f"{median(figures['search_s']):.2f}"]
        numbers += [f"{figures[name]:.2f}" for name in ("products", "cpu_products")]
        memory = f"{figures['peak_mb']:,.0f} ({figures['rise_mb']:,.0f})"
        table.append([each.backend, *numbers, memory, str(figures["cut"])])
    console = Console()
    about = f"k = {case.k}, {case.threads} threads, --memory {case.memory}"
    console.print(rich_table(table, f"{title}, {about}"))
    for line in _UNITS:
        console.print(line, markup=False, highlight=False)
