"""`gcl eval --benchmark`: the table of a published benchmark."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from gcl_cli._json import write_json
from gcl_cli._tables import titled
from gcl_cli._trec import trec_folder
from gcl_cli.lines import say
from gcl_spec.errors import ConfigError
from gcl_spec.evaluate.published import Figure
from gcl_spec.run.loaded import LoadedRun
from gcl_spec.tasks.task import Task

__all__ = ["Wanted", "evaluate_benchmark", "show_benchmark"]

_MANY = 200_000
"""The number of rows up to which a laptop holds them in memory with ease."""


class Wanted(NamedTuple):
    """A published benchmark, its folder, and whether M-BEIR's instructions are used."""

    benchmark: str
    data: Path
    instructions: bool


def evaluate_benchmark(
    wanted: Wanted, load: Callable[[], LoadedRun], json_path: Path | None, trec: Path | None = None
) -> None:
    """Print the table, and write its figures as JSON.

    Args:
        wanted: the benchmark.
        load: gives the model; it is called when the benchmark has been read.
        json_path: where the figures go.
        trec: where runs and judgements go, a new folder.

    Raises:
        ConfigError: instructions are asked for, and the benchmark is not M-BEIR.
    """
    from gcl_spec.data.root import open_root
    from gcl_spec.evaluate.calibrations.rows import EncodedOnce
    from gcl_spec.evaluate.paper import COLUMNS
    from gcl_spec.evaluate.published import measure
    from gcl_spec.progress import open_progress
    from gcl_spec.run.loaded import encode_items
    from gcl_spec.tasks import mbeir
    from gcl_spec.tasks.formats import format_of
    from gcl_spec.tasks.missing_files import check_files
    from gcl_spec.tasks.parquet_pictures import ParquetPictures
    from gcl_spec.tasks.task import answerable

    root = open_root(wanted.data)
    if wanted.instructions and wanted.benchmark != "mbeir":
        raise ConfigError(f"--instructions on is for mbeir, not for {wanted.benchmark}")
    layout = format_of(wanted.benchmark)
    read = mbeir.read(root, instructions=True) if wanted.instructions else layout.read(root)
    pictures = ParquetPictures(root)
    loaded = load()
    tasks, left_out = answerable(read, loaded.config.model.modalities)
    for note in (*left_out, *(note for task in tasks for note in task.notes)):
        say(f"note: {note}", err=True)
    check_files(pictures, tasks)
    _say_rows(tasks, wanted.benchmark)
    scores = {path: frames for task in tasks for path, frames in task.frame_scores.items()}
    with open_progress() as reporter, trec_folder(trec, tasks) as watch:
        figures = measure(
            EncodedOnce(lambda items: encode_items(loaded, pictures, items, reporter, scores)),
            tasks,
            COLUMNS[wanted.benchmark],
            loaded.calibration,
            watch=watch,
        )
    show_benchmark(wanted.benchmark, tasks, figures, json_path)


def _say_rows(tasks: Sequence[Task], benchmark: str) -> None:
    rows = sum(len(task.queries) + len(task.candidates) for task in tasks)
    if rows > _MANY:
        say(
            f"note: {rows:,} rows will be held in memory; gcl embed RUN DIR OUT --benchmark "
            f"{benchmark} stores them, and gcl eval --embeddings OUT reads a chunk at a time",
            err=True,
        )


def show_benchmark(
    benchmark: str,
    tasks: Sequence[Task],
    figures: Sequence[Figure],
    json_path: Path | None,
    partial: Sequence[str] = (),
) -> None:
    """Print the table of a benchmark, and write its figures as JSON.

    Args:
        benchmark: its name.
        tasks: those that were measured.
        figures: what was measured of them.
        json_path: where the figures go.
        partial: lines on items that are absent.
    """
    from rich.console import Console

    from gcl_spec.report.published_tables import published_notes, published_rows
    from gcl_spec.report.tables import rich_table
    from gcl_spec.tasks.formats import format_of

    report = {"benchmark": benchmark, "figures": [x.to_json() for x in figures]}
    write_json(json_path, {**report, "partial": list(partial)})
    sets = format_of(benchmark).SETS
    rows = published_rows(benchmark, sets, tasks, figures)
    Console().print(rich_table(rows, titled(f"{benchmark}, percent", partial)))
    for note in published_notes(benchmark, sets, tasks, figures):
        say(note)
    for line in partial:
        say(line)
