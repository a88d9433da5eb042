"""Further pools in which a run is measured: sparse ones, and the worst composition of a sweep."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from gcl_spec.data.open import data_root
from gcl_spec.errors import DataError
from gcl_spec.evaluate.calibrations.rows import Encode
from gcl_spec.evaluate.evaluation import evaluate
from gcl_spec.progress import Reporter
from gcl_spec.run import manifest
from gcl_spec.run.calibration_files import calibration_of
from gcl_spec.run.folder import RunFolder
from gcl_spec.run.loaded import LoadedRun
from gcl_spec.run.swept import sweep_run
from gcl_spec.tasks.folder import has_tasks
from gcl_spec.tasks.task import Task

__all__ = ["FILE", "SPARSE", "WORST", "pools", "sparse", "stored"]

FILE = "pools.json"
"""The file of a run with what `pools` found."""

SPARSE = "sparse pool"
"""Global hit@10 where each concept of the starter set has one picture."""

WORST = "worst composition"
"""hit@10 in the composition of modalities in which it is least."""

_LEFT_OUT = ("clipart", "tone")
_SECOND = "twemoji"
_STARTER = "starter"


def pools(
    run: RunFolder,
    loaded: LoadedRun,
    encode: Encode,
    tasks: Sequence[Task],
    calibrations: Sequence[str],
    reporter: Reporter,
) -> dict[str, dict[str, Any]]:
    """The figures of a run in further pools, by calibration, "none" first.

    Args:
        run: the folder of the run.
        loaded: its model.
        encode: makes unit rows (N, D) of N items by this model.
        tasks: those of the evaluation.
        calibrations: of the run, which are fitted.
        reporter: hears of progress, and of pools that the data has not.
    """
    checkpoint = run.found(str(loaded.step))
    path = loaded.config.data.path
    data = path if loaded.config.model.kind != "adapter" and _own_tasks(path) else None
    every: dict[str, dict[str, Any]] = {}
    for name in ("none", *calibrations):
        chain = None if name == "none" else calibration_of(run, name, checkpoint)
        one: dict[str, Any] = {}
        if path == _STARTER and (kept := sparse(tasks)):
            one[SPARSE] = evaluate(encode, kept, chain).average("global", "hit@10")
        try:
            swept, _ = sweep_run(replace(loaded, calibration=chain), reporter, data=data, top=False)
            one[WORST], one["composition"] = swept.worst.value, swept.worst.name
        except DataError as error:
            reporter.say(f"note: no sweep: {error}")
        every[name] = one
    return every


def _own_tasks(path: str) -> bool:
    return has_tasks(data_root(path), "tasks")


def sparse(tasks: Sequence[Task]) -> list[Task]:
    """The starter set's tasks with one picture a concept, without skin tones and clip art.

    There the pictures of a concept do not crowd its other candidates out of the first ten.
    """
    kept = [task for task in tasks if not any(name in task.name for name in _LEFT_OUT)]
    return [few for task in kept if (few := _few(task)).queries]


def _few(task: Task) -> Task:
    kept = tuple(i for i in task.candidates if not (i.image and _SECOND in i.image))
    ids = {item.id for item in kept}
    queries = tuple(query for query in task.queries if task.qrels[query.id] & ids)
    return Task(task.name, queries, kept, {q.id: task.qrels[q.id] & ids for q in queries})


def stored(run: Path) -> Mapping[str, Mapping[str, float]]:
    """The figures of a run in further pools by calibration, without their names; {} before them.

    Raises:
        CheckpointError: the file is not as it was written.
        DataError: it holds no figures.
    """

    def of(content: Any) -> dict[str, dict[str, float]]:
        return {
            str(name): {key: float(one[key]) for key in (SPARSE, WORST) if key in one}
            for name, one in content.items()
        }

    made = manifest.stored(run, FILE) is not None
    return RunFolder.open(run).parsed(FILE, of, "figures") if made else {}
