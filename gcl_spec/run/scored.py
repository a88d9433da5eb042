"""What `gcl compare` takes: runs, folders of seeds, reports, benchmark tables, TREC files."""

from pathlib import Path
from urllib.parse import unquote

from gcl_spec._files.reading import is_folder, parse_json, read_regular, reason
from gcl_spec.data.root import open_root
from gcl_spec.errors import CheckpointError, DataError
from gcl_spec.evaluate.evaluation import Report
from gcl_spec.evaluate.scores import Scores, TaskScores, mean_of, of_figures, of_report
from gcl_spec.evaluate.sweeps.result import Sweep
from gcl_spec.evaluate.sweeps.scores import of_sweep
from gcl_spec.evaluate.trec_scores import check_queries, trec_scores
from gcl_spec.run import manifest
from gcl_spec.run.folder import RunFolder
from gcl_spec.run.seeds import seed_folders
from gcl_spec.tasks.trec import read_qrels, read_run

__all__ = ["scores_at"]

_WANTED = (
    "wanted a run, a folder of seed-N runs, a file of gcl eval --json, a folder of gcl eval "
    "--trec, or a TREC run with --qrels"
)


def scores_at(
    path: Path, *, metric: str, qrels: Path | None = None, allow_unverified: bool = False
) -> tuple[Scores, tuple[str, ...]]:
    """The scores of what lies at a path, and lines on what is not there.

    Args:
        path: a run folder, whose evaluation at the end counts; a folder of runs seed-0, seed-1,
            whose means count; a file that `gcl eval --json` wrote, of a sweep too; a folder that
            `gcl eval --trec` wrote; or a run file of TREC's form.
        metric: what is computed of TREC's files; the others hold all that was computed.
        qrels: the judgements of a run file.
        allow_unverified: take runs without checksums, and edited ones.

    Raises:
        CheckpointError: a run is damaged, or has not ended.
        DataError: the file is none of these, or is malformed.
        InputError: its values are none of a metric; or the judgements are of other queries.
    """
    if not is_folder(path):
        return _of_file(path, metric, qrels, allow_unverified)
    if manifest.stored(path, "config.toml") is not None:
        return _of_run(path, allow_unverified), ()
    seeds = seed_folders(path)
    if seeds:
        return mean_of(str(path), [_of_run(seed, allow_unverified) for seed in seeds]), ()
    return _of_trec_folder(path, metric)


def _of_run(path: Path, allow_unverified: bool) -> Scores:
    folder = RunFolder.open(path, allow_unverified=allow_unverified)
    if manifest.stored(path, "after.json") is None:
        raise CheckpointError(
            f"{path}: this training has not ended, so that it has no evaluation (after.json); go "
            f"on with `gcl train --resume {path}`, or evaluate it with gcl eval --json"
        )
    return of_report(str(path), folder.report("after"))


def _of_file(
    path: Path, metric: str, qrels: Path | None, allow_unverified: bool
) -> tuple[Scores, tuple[str, ...]]:
    content: bytes | None = None
    if path.name in manifest.FILES and (path.parent / "config.toml").is_file():
        content = manifest.content(path.parent, path.name, allow_unverified=allow_unverified)
    try:
        content = read_regular(path) if content is None else content
    except OSError as error:
        raise DataError(f"{path}: {reason(error)}; {_WANTED}") from error
    if content.lstrip()[:1] != b"{":
        return _of_trec_files(path, metric, qrels)
    try:
        data = parse_json(content)
        if "figures" in data:
            return of_figures(str(path), data), ()
        if "measured" in data:
            return of_sweep(str(path), Sweep.from_json(data)), ()
        return of_report(str(path), Report.from_json(data)), ()
    except ValueError as error:
        if str(error).startswith(str(path)):
            raise
        raise DataError(f"{path}: {error}; {_WANTED}") from error


def _of_trec_files(path: Path, metric: str, qrels: Path | None) -> tuple[Scores, tuple[str, ...]]:
    if qrels is None:
        raise DataError(f"{path}: a TREC run needs --qrels FILE; else {_WANTED}")
    scores, notes = _of_pair(path, qrels, "all", metric)
    return Scores(str(path), {f"given {metric}": (scores,)}), notes


def _of_trec_folder(path: Path, metric: str) -> tuple[Scores, tuple[str, ...]]:
    columns: dict[str, list[TaskScores]] = {}
    notes: list[str] = []
    for file in sorted(path.glob("*.run")):
        task, _, pool = file.stem.rpartition(".")
        scores, more = _of_pair(file, file.with_suffix(".qrels"), unquote(task), metric)
        columns.setdefault(f"{pool} {metric}", []).append(scores)
        notes += more
    if not columns:
        raise DataError(f"{path}: nothing to compare here; {_WANTED}")
    order = sorted(columns, key=lambda name: (not name.startswith("local"), name))
    return Scores(str(path), {name: tuple(columns[name]) for name in order}), tuple(notes)


def _of_pair(run: Path, qrels: Path, task: str, metric: str) -> tuple[TaskScores, tuple[str, ...]]:
    rankings = read_run(open_root(run.parent), run.name)
    judged = read_qrels(open_root(qrels.parent), qrels.name)
    lost = check_queries((str(run), str(qrels)), rankings, judged)
    note = f"{run}: {lost} of {len(judged)} judged queries are missing, and count as 0"
    return trec_scores(task, rankings, judged, metric), (note,) if lost else ()
