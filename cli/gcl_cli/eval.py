"""`gcl eval`."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import click

from gcl_cli._benchmark import Wanted, evaluate_benchmark
from gcl_cli._calibrated import (
    need_calibrations,
    show_calibrations,
    show_calibrations_of_seeds,
    to_json,
)
from gcl_cli._json import write_json
from gcl_cli._options import (
    PATH,
    allow_unverified_option,
    backend_option,
    device_option,
    instructions_option,
    json_option,
    step_option,
)
from gcl_cli._seeds import runs_of_seeds, show_seeds
from gcl_cli._small import Small, dims_option, quantise_option, small_vectors, wanted_small
from gcl_cli._stored import Asked, check_stored, evaluate_stored
from gcl_cli._sweep import check_alone, sweep_pools
from gcl_cli._tables import show_comparison, show_report
from gcl_cli._trec import check_trec, trec_folder
from gcl_cli.lines import say
from gcl_spec._files.atomic import check_writable
from gcl_spec._files.reading import is_folder, parse_json, read_regular
from gcl_spec.evaluate.evaluation import Report
from gcl_spec.evaluate.paper import COLUMNS
from gcl_spec.run import manifest
from gcl_spec.run.folder import RunFolder
from gcl_spec.run.loaded import LoadedRun, load_run

if TYPE_CHECKING:
    from gcl_spec.evaluate.calibrations.rows import Encode
    from gcl_spec.evaluate.trec_folder import TrecFolder
    from gcl_spec.tasks.task import Task

__all__ = ["command"]


@click.command("eval")
@click.argument("run", type=PATH, required=False)
@click.option(
    "--data",
    type=PATH,
    metavar="DIR",
    help="A task, a folder of tasks, or a zip of either.  [default: the starter tasks]",
)
@click.option(
    "--benchmark",
    type=click.Choice([*COLUMNS]),
    help="DIR is that of a published benchmark: print its table.",
)
@instructions_option()
@click.option(
    "--embeddings",
    type=PATH,
    metavar="OUT",
    help="Score the rows that `gcl embed` has stored in OUT; RUN may be left out.",
)
@click.option(
    "--calibration",
    metavar="NAME|all",
    help="Use what `gcl calibrate` has fitted; all: compare them.",
)
@click.option(
    "--sweep",
    is_flag=True,
    help="Pools of the same concepts, each as one modality, in all shares from 100:0:0 to 33:33:33 "
    "in steps of 10 %; the run keeps it, and its report shows it.",
)
@quantise_option()
@dims_option()
@backend_option()
@step_option()
@device_option()
@json_option("Write everything, per query too.")
@click.option(
    "--trec",
    type=PATH,
    metavar="DIR",
    help="Write runs and judgements of TREC's form, a pair for each task and pool.",
)
@click.option(
    "--against",
    type=PATH,
    metavar="RUN|FILE",
    help="Compare with another run, or with a file that --json wrote.",
)
@allow_unverified_option()
def command(
    run: Path | None,
    data: Path | None,
    benchmark: str | None,
    instructions: str,
    embeddings: Path | None,
    calibration: str | None,
    sweep: bool,
    quantise: tuple[str, ...] | None,
    dims: tuple[int, ...] | None,
    backend: str,
    device: str | None,
    json_path: Path | None,
    trec: Path | None,
    against: Path | None,
    step: str,
    allow_unverified: bool,
) -> None:
    """Evaluate a run, in each task's own pool and in the union of all pools.

    RUN may be a folder of runs that `gcl train --seeds` made: mean +- deviation over them.

    A task is a folder with queries.jsonl and candidates.jsonl, lines of {"id", "image"?: path,
    "text"?}, and qrels.tsv, lines of a query's id, a tab, and the id of a relevant candidate.
    Paths of images are relative to DIR.

    With --sweep each concept stands once in every pool, as image, text or both, in all shares in
    steps of 10 % (100:0:0, ... 70:20:10, ... 0:0:100) and in equal ones (33:33:33): 67 pools,
    each drawn ten times. Concepts are candidates with image and text of the tasks in DIR, or the
    samples of DIR where it holds training data; at least 20, at most 500. Queries are asked where
    they share no part with what they are to find.
    """
    check_writable(json_path)
    check_trec(trec)
    small = wanted_small(quantise, dims)
    others = {"benchmark": benchmark, "trec": trec, "embeddings": embeddings, "against": against}
    check_alone(calibration, sweep=sweep, quantise=quantise, dims=dims, **others)
    if embeddings is not None:
        check_stored(against=against, trec=trec, calibration=calibration)
        asked = Asked(embeddings, run, data, benchmark, instructions, step, allow_unverified)
        evaluate_stored(asked, json_path)
        return
    if run is None:
        raise click.UsageError("Missing argument 'RUN'.")
    if instructions == "on" and benchmark is None:
        raise click.UsageError("--instructions on is for --benchmark mbeir")
    model = _Model(backend, device, allow_unverified, step, calibration)
    if runs := runs_of_seeds(run, alone=not (sweep or small or benchmark or trec or against)):
        _every_seed(runs, data, model, json_path)
    else:
        given = _Given(data, benchmark, instructions == "on", sweep, small, trec, against)
        _one_run(run, model, given, json_path)


class _Given(NamedTuple):
    """The values of the options that say what is evaluated of one run."""

    data: Path | None
    benchmark: str | None
    instructions: bool
    sweep: bool
    small: Small | None
    trec: Path | None
    against: Path | None


def _one_run(run: Path, model: "_Model", given: _Given, json_path: Path | None) -> None:
    """Choose the kind of evaluation that was asked for, and carry it out."""
    data, benchmark, instructions, sweep, small, trec, against = given
    if sweep:
        loaded, unverified = model.load(run), model.allow_unverified
        sweep_pools(run, loaded, data, model.calibration, json_path, allow_unverified=unverified)
    elif small:
        _small_vectors(run, data, model, small, json_path)
    elif model.calibration == "all":
        if benchmark is not None or against is not None or trec is not None:
            raise click.UsageError("--calibration all has no --benchmark, --against and --trec")
        reports = _calibrations(run, data, model)
        write_json(json_path, {"calibrations": to_json(reports)})
        show_calibrations(reports)
    elif benchmark is not None:
        if data is None or against is not None:
            raise click.UsageError("--benchmark needs --data DIR, and has no --against")
        wanted = Wanted(benchmark, data, instructions)
        evaluate_benchmark(wanted, lambda: model.load(run), json_path, trec)
    else:
        _plain_report(run, model, given, json_path)


def _every_seed(
    runs: Sequence[Path], data: Path | None, model: "_Model", json_path: Path | None
) -> None:
    """Show mean +- deviation over runs that differ in their seed, and write their reports."""
    if model.calibration == "all":
        every = {path.name: _calibrations(path, data, model) for path in runs}
        seeds = {name: {"calibrations": to_json(reports)} for name, reports in every.items()}
        write_json(json_path, {"seeds": seeds})
        show_calibrations_of_seeds(list(every.values()))
        return
    reports = {path.name: _evaluate(path, data, model) for path in runs}
    write_json(json_path, {"seeds": to_json(reports)})
    show_seeds(reports)


def _calibrations(run: Path, data: Path | None, model: "_Model") -> dict[str, Report]:
    """The evaluation of a run without a calibration, and with each one that it has."""
    from gcl_spec.run.calibrated import each_calibration

    folder = RunFolder.open(run, allow_unverified=model.allow_unverified)
    need_calibrations(folder)
    loaded = model._replace(calibration=None).load(run)
    with _searches(loaded, data) as (encode, tasks, _):
        return each_calibration(folder, loaded, encode, tasks)


def _small_vectors(
    run: Path, data: Path | None, model: "_Model", small: Small, json_path: Path | None
) -> None:
    """Show, write and keep the evaluations of a run in smaller forms."""
    loaded = model.load(run)
    own = "its own vectors" if loaded.config.model.kind == "adapter" else "starter"
    origin = {"data": own if data is None else str(data), "step": str(loaded.step)}
    if model.calibration is not None:
        origin["calibration"] = model.calibration
    with _searches(loaded, data) as (encode, tasks, _):
        small_vectors(
            run, loaded, (encode, tasks), small, json_path, origin,
            allow_unverified=model.allow_unverified,
        )  # fmt: skip


def _plain_report(run: Path, model: "_Model", given: _Given, json_path: Path | None) -> None:
    """Show and write the report of a run, beside another one where that is given."""
    against, plain = given.against, model._replace(step="newest", calibration=None)
    other = None if against is None else _other(against, given.data, plain)
    report = _evaluate(run, given.data, model, given.trec)
    write_json(json_path, report.to_json())
    show_report(report)
    if other is not None and against is not None:
        show_comparison(report, other, against.name, run.name)


def _evaluate(run: Path, data: Path | None, model: "_Model", trec: Path | None = None) -> Report:
    from gcl_spec.evaluate.evaluation import evaluate

    loaded = model.load(run)
    with _searches(loaded, data, trec) as (encode, tasks, watch):
        return evaluate(encode, tasks, loaded.calibration, watch=watch)


@contextmanager
def _searches(
    loaded: LoadedRun, data: Path | None, trec: Path | None = None
) -> "Iterator[tuple[Encode, Sequence[Task], TrecFolder | None]]":
    """Give the block a function that encodes items, the tasks, and the writer of TREC's files."""
    from gcl_spec.progress import open_progress
    from gcl_spec.run.loaded import encode_items, vector_searches
    from gcl_spec.run.searches import searches_of

    if loaded.config.model.kind == "adapter":
        if trec is not None:
            raise click.UsageError("--trec is for tasks with files, not for vectors")
        yield *vector_searches(loaded, None if data is None else str(data)), None
        return
    root, tasks, notes = searches_of(loaded.config.model, data)
    for note in notes:
        say(f"note: {note}", err=True)
    with open_progress() as reporter, trec_folder(trec, tasks) as watch:
        yield lambda items: encode_items(loaded, root, items, reporter), tasks, watch


class _Model(NamedTuple):
    """The arguments with which `load_run` loads the model of a run."""

    backend: str
    device: str | None
    allow_unverified: bool
    step: str = "newest"
    calibration: str | None = None

    def load(self, run: Path) -> LoadedRun:
        """Load the model of a run."""
        return load_run(run, **self._asdict())


def _other(against: Path, data: Path | None, model: _Model) -> Report:
    if is_folder(against):
        return _evaluate(RunFolder.open(against).path, data, model)
    content = None
    if against.name in manifest.FILES and (against.parent / "config.toml").is_file():
        # A report of a run, such as its before.json, has a checksum there.
        content = manifest.content(
            against.parent, against.name, allow_unverified=model.allow_unverified
        )
    wanted = "give a run folder, or a file that `gcl eval --json` wrote"
    try:
        return Report.from_json(parse_json(content or read_regular(against)))
    except OSError as error:
        raise click.UsageError(f"--against {against}: {error.strerror}; {wanted}") from error
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise click.UsageError(f"--against {against} is no report; {wanted}") from error
