"""`gcl eval --embeddings`: the tables of rows that `gcl embed` has stored."""

from pathlib import Path
from typing import NamedTuple

import click

from gcl_cli._benchmark import show_benchmark
from gcl_cli._json import write_json
from gcl_cli._tables import show_report
from gcl_cli.lines import say
from gcl_spec.embed.stored import Embeddings
from gcl_spec.errors import DataError
from gcl_spec.run.to_embed import Described

__all__ = ["Asked", "check_stored", "evaluate_stored"]


class Asked(NamedTuple):
    """The arguments of `gcl eval --embeddings`."""

    embeddings: Path
    run: Path | None
    data: Path | None
    benchmark: str | None
    instructions: str
    step: str
    allow_unverified: bool


def check_stored(**others: object) -> None:
    """Refuse options that stored rows do not have.

    Args:
        others: the values of these options by name; None where one is not given.

    Raises:
        UsageError: one of them is given.
    """
    if any(value is not None for value in others.values()):
        raise click.UsageError(
            "--embeddings has no --against, --trec and --calibration; see gcl compare"
        )


def evaluate_stored(asked: Asked, json_path: Path | None) -> None:
    """Score stored rows, and print the tables.

    Args:
        asked: the arguments.
        json_path: where everything goes as JSON.

    Raises:
        DataError: the rows are those of training data, or are calibrated, which only the tables of
            a published benchmark take.
        UsageError: the rows were embedded with another benchmark or without instructions.
    """
    from gcl_spec.evaluate.evaluation import evaluate
    from gcl_spec.evaluate.paper import COLUMNS
    from gcl_spec.evaluate.published import measure
    from gcl_spec.run.embedded import StoredItems, load_embeddings
    from gcl_spec.run.to_embed import tasks_of

    stored = load_embeddings(asked.embeddings)
    if asked.run is not None:
        _check_model(asked, stored)
    described = _described(asked, stored)
    whole, _ = tasks_of(described)
    items = StoredItems(stored)
    tasks, partial = items.tasks(whole)
    for note in (note for task in tasks for note in task.notes):
        say(f"note: {note}", err=True)
    if described.benchmark in COLUMNS:
        columns = COLUMNS[described.benchmark]
        figures = measure(items.rows, tasks, columns, read_pool=items.pool)
        show_benchmark(described.benchmark, tasks, figures, json_path, partial)
        return
    if stored.manifest.maker.calibration:
        raise DataError(
            f"{asked.embeddings} holds rows {stored.manifest.maker.calibrated}, which are scored "
            "for the tables of --benchmark alone; gcl eval RUN --calibration NAME scores others"
        )
    report = evaluate(items.rows, tasks)
    write_json(json_path, {**report.to_json(), "partial": list(partial)})
    show_report(report, partial)


def _check_model(asked: Asked, stored: Embeddings) -> None:
    """Refuse embeddings of another model than that of RUN."""
    from gcl_spec.run.calibration_files import calibration_of
    from gcl_spec.run.folder import RunFolder
    from gcl_spec.run.loaded import read_run
    from gcl_spec.run.to_embed import maker_of

    assert asked.run is not None
    config, checkpoint = read_run(
        asked.run, step=asked.step, allow_unverified=asked.allow_unverified
    )
    there = stored.manifest.maker
    name = there.calibration.partition(" ")[0]
    run = RunFolder.open(asked.run, allow_unverified=asked.allow_unverified)
    own = maker_of(
        config,
        checkpoint.state,
        asked.run.resolve().name,
        backend="",
        dtype=there.dtype,
        size=there.size,
        calibration=calibration_of(run, name, checkpoint) if name else None,
    )
    own.refuse_other_model(there, str(asked.embeddings))


def _described(asked: Asked, stored: Embeddings) -> Described:
    """The data whose tasks are scored: what the command names, else what was embedded."""
    made = Described.from_json(stored.manifest.about)
    if made.items != "tasks":
        raise DataError(
            f"{asked.embeddings} holds the samples of training data, not those of tasks; "
            "embed with --items tasks"
        )
    if asked.benchmark not in (None, made.benchmark):
        raise click.UsageError(
            f"{asked.embeddings} was embedded with "
            f"{f'--benchmark {made.benchmark}' if made.benchmark else 'no --benchmark'}"
        )
    if asked.instructions == "on" and not made.instructions:
        raise click.UsageError(f"{asked.embeddings} was embedded without --instructions on")
    return made if asked.data is None else made._replace(path=str(asked.data))
