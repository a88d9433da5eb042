"""The rows of a comparison of the family in one regime, from the runs in its folder."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from gcl_spec.ablate.ablation import START
from gcl_spec.ablate.choice import Choice
from gcl_spec.ablate.family import Family
from gcl_spec.ablate.pools import SPARSE, WORST, stored
from gcl_spec.ablate.results import reason_of, reports_of
from gcl_spec.ablate.rows import start_rows
from gcl_spec.evaluate.ablated import AblationRow, row_of, spread
from gcl_spec.run.seeds import seed_folder

__all__ = ["family_rows", "searched"]


def family_rows(family: Family) -> list[AblationRow]:
    """A row for each candidate and calibration, on test tasks; first those of the start.

    Each has the setting that was chosen for it, the seeds that are done, and the reasons of those
    that failed.

    Args:
        family: whose folder is read; nothing is trained.

    Raises:
        CheckpointError: a run, or what was chosen, is damaged.
        DataError: an evaluation cannot be read.
        InputError: runs were evaluated on different queries.
    """
    ablation, choices = family.ablation, family.choices()
    seeds = range(ablation.seeds)
    starts = [seed_folder(family.out / START, seed) for seed in seeds]
    rows = [_with_pools(row, starts) for row in start_rows(ablation)]
    for candidate in ablation.candidates:
        for name in family.calibrations:
            choice = choices.get((candidate, name))
            if choice is None:
                rows.append(row_of(candidate, "", name, [], _search_failures(family, candidate)))
            else:
                rows.append(_row(family, choice))
    return rows


def searched(family: Family) -> tuple[int, int]:
    """How many trainings of the search are done, and how many there are."""
    cells = family.search()
    return sum(bool(reports_of(cell.folder(family.out))) for cell in cells), len(cells)


def _row(family: Family, choice: Choice) -> AblationRow:
    cells = [choice.cell(seed) for seed in range(family.ablation.seeds)]
    runs = [cell.folder(family.out) for cell in cells]
    reports = [reports_of(run) for run in runs]
    failed = [f"seed {cell.seed}: {why}" for cell, run in zip(cells, runs, strict=True)
              if (why := reason_of(run))]  # fmt: skip
    done = [by_name[choice.calibration] for by_name in reports if choice.calibration in by_name]
    row = row_of(choice.candidate, "", choice.calibration, done, tuple(failed))
    return replace(_with_pools(row, runs), chosen=choice.name)


def _with_pools(row: AblationRow, runs: Sequence[Path]) -> AblationRow:
    """The row with the means over seeds of its figures in further pools."""
    every = [stored(run).get(row.calibration, {}) for run in runs]
    more = {
        name: spread(values)
        for name in (SPARSE, WORST)
        if (values := [one[name] for one in every if name in one])
    }
    return replace(row, geometry={**row.geometry, **more})


def _search_failures(family: Family, candidate: str) -> tuple[str, ...]:
    cells = [cell for cell in family.search() if cell.objective == candidate]
    reasons = [(cell, reason_of(cell.folder(family.out))) for cell in cells]
    return tuple(f"{cell.name}: {why}" for cell, why in reasons if why)
