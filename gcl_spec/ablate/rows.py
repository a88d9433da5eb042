"""The rows of an ablation's table, from the runs in its folder."""

from collections.abc import Iterator

from gcl_spec.ablate.ablation import START, Ablation
from gcl_spec.ablate.results import reason_of, reports_of
from gcl_spec.evaluate.ablated import NONE, AblationRow, row_of
from gcl_spec.evaluate.evaluation import Report
from gcl_spec.run import manifest
from gcl_spec.run.folder import RunFolder
from gcl_spec.run.seeds import seed_folder

__all__ = ["rows_of", "start_rows"]


def rows_of(ablation: Ablation) -> list[AblationRow]:
    """A row for each objective, scale and calibration; first those of the start.

    A row has the seeds that are done, and the reasons of those that failed.

    Args:
        ablation: whose folder is read; nothing is trained.

    Raises:
        CheckpointError: a run is damaged.
        DataError: an evaluation cannot be read.
        InputError: runs were evaluated on different queries.
    """
    rows = list(start_rows(ablation))
    every = ablation.cells()
    for objective, scale in dict.fromkeys((cell.objective, cell.scale) for cell in every):
        own = [cell for cell in every if (cell.objective, cell.scale) == (objective, scale)]
        reports = {cell.seed: reports_of(cell.folder(ablation.out)) for cell in own}
        failed = tuple(
            f"seed {cell.seed}: {why}"
            for cell in own
            if (why := reason_of(cell.folder(ablation.out)))
        )
        for name in (NONE, *ablation.calibrations):
            done = [by_name[name] for by_name in reports.values() if name in by_name]
            rows.append(row_of(objective, scale, name, done, failed))
    return rows


def start_rows(ablation: Ablation) -> Iterator[AblationRow]:
    """The evaluations before the cells: of the runs that they start from, or of the weights.

    Args:
        ablation: whose folder is read; errors as `rows_of`.
    """
    if ablation.start is not None:
        runs = [seed_folder(ablation.out / ablation.starts, seed) for seed in range(ablation.seeds)]
        reports = [reports_of(run) for run in runs]
    else:
        seeds: dict[int, Report] = {}
        for cell in ablation.cells():
            run = cell.folder(ablation.out)
            if cell.seed not in seeds and manifest.stored(run, "before.json") is not None:
                seeds[cell.seed] = RunFolder.open(run).report("before")
        reports = [{NONE: report} for report in seeds.values()]
    for name in (NONE, *ablation.calibrations):
        done = [by_name[name] for by_name in reports if name in by_name]
        if done:
            yield row_of(START, "", name, done)
