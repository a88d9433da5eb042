"""Compares the family of objectives in one regime: search on validation, then test, once.

OUT/start/seed-N                                  a run from which the cells of a seed start
OUT/search/start/seed-0                           the same for a search on data of its own
OUT/search/CANDIDATE/scale-SCALE-lr-LR/seed-0     a run that is evaluated on validation tasks
OUT/choice.json                                   what was chosen, and from which figures
OUT/CANDIDATE/scale-SCALE-lr-LR/seed-N            a run at what was chosen, evaluated on test tasks
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from gcl_spec.ablate.ablation import START, Ablation
from gcl_spec.ablate.candidates import Settings
from gcl_spec.ablate.cells import SEARCH, Cell, search_cells
from gcl_spec.ablate.choice import (
    Choice,
    Tried,
    check_same_data,
    check_same_search,
    choose,
    read_choices,
    write_choices,
)
from gcl_spec.ablate.results import reason_of, reports_of
from gcl_spec.backend import TrainingBackend
from gcl_spec.config import toml
from gcl_spec.config.options import Config, ObjectiveConfig
from gcl_spec.data.open import data_root
from gcl_spec.errors import ConfigError
from gcl_spec.evaluate.ablated import NONE
from gcl_spec.progress import Reporter
from gcl_spec.tasks.folder import has_tasks

__all__ = ["REGIMES", "SCALES", "Family", "Regime", "family_of"]

SCALES = ("7", "16", "50", "100", "learned")
"""The scales that are tried for every candidate."""


@dataclass(frozen=True, slots=True)
class Regime:
    """A regime, in which all candidates begin alike: recipes, and the learning rates to try."""

    about: str
    recipe: str
    start: str | None
    rates: tuple[str, ...]


_OF_CELLS = (
    "optim.scale", "optim.learn_scale", "optim.lr", "model.dropout", "train.seed", "eval.tasks",
)  # fmt: skip

REGIMES: Mapping[str, Regime] = {
    "gap": Regime(
        "from heads trained with CLIP's loss at a scale of 100", "lite-gcl", "lite-clip",
        ("0.0005", "0.0015"),
    ),
    "scratch": Regime("from fresh heads", "lite", None, ("0.001", "0.003")),
}  # fmt: skip
"""The regimes by name; the rates are those of the recipe, and three times as much."""


@dataclass(frozen=True)
class Family:
    """The comparison in one regime.

    ablation: trains and evaluates its cells, in the folder of the regime.
    scales, rates: what is tried for every candidate.
    choose_on: the data on which the search trains, and whose validation tasks it is evaluated on;
        "" for the data of all other trainings.
    """

    ablation: Ablation
    scales: Sequence[str]
    rates: Sequence[str]
    choose_on: str = ""

    @property
    def out(self) -> Path:
        """The folder of the regime."""
        return self.ablation.out

    @property
    def calibrations(self) -> tuple[str, ...]:
        """All that are offered to every candidate, "none" first."""
        return (NONE, *self.ablation.calibrations)

    @property
    def searching(self) -> Ablation:
        """The ablation that trains the cells of the search."""
        only = replace(self.ablation, further=False)
        if not self.choose_on:
            return only
        base = self._searched(only.base)
        start = only.start and self._searched(only.start)
        return replace(only, base=base, start=start, starts=Path(SEARCH, START))

    def _searched(self, config: Config) -> Config:
        """The options where a search trains on data of its own."""
        data = replace(config.data, path=self.choose_on)
        return replace(config, data=data, eval=replace(config.eval, tasks="val_tasks"))

    def search(self) -> list[Cell]:
        """The cells of the search.

        Raises:
            ConfigError: a scale, rate or setting is none, or what was chosen was chosen from
                others, or a search in the folder is one on other data; or as `Ablation.checked`.
            CheckpointError: a run, or what was chosen, is damaged.
        """
        cells = search_cells([*self.ablation.candidates], self.scales, self.rates)
        for choice in self.choices().values():
            check_same_search(self.out, choice, _of(cells, choice.candidate))
        runs = (self.out / SEARCH).glob("*/scale-*/seed-*")  # of other candidates, too
        check_same_data(runs, self.searching.base.data.path)
        return self.searching.checked(cells)

    def choices(self) -> dict[tuple[str, str], Choice]:
        """The choices for these candidates and calibrations that have been made so far."""
        every = read_choices(self.out)
        wanted = [(c, by) for c in self.ablation.candidates for by in self.calibrations]
        return {key: every[key] for key in wanted if key in every}

    def cells(self) -> list[Cell]:
        """The cells that are evaluated on test tasks; those of the first seed come first."""
        chosen = [choice for choice in self.choices().values() if choice.scale]
        every = [one.cell(seed) for seed in range(self.ablation.seeds) for one in chosen]
        return self.ablation.checked([*dict.fromkeys(every)])

    def run(
        self, backend: TrainingBackend, reporter: Reporter, *, device: str | None = None
    ) -> list[Cell]:
        """Search, choose, and train what was chosen; what is done stays. The cells that failed.

        Args:
            backend: who trains.
            reporter: hears of progress.
            device: one of the backend's; its first when not given.

        Raises:
            StoppedError: a signal came; the same call goes on.
            ConfigError: as `search`.
        """
        search = self.search()
        open_ones = {one for one in self.ablation.candidates if not self._is_chosen(one)}
        searched = [cell for cell in search if cell.objective in open_ones]
        failed = self.searching.run(backend, reporter, device=device, some=searched)
        self._choose(searched)
        return failed + self.ablation.run(backend, reporter, device=device, some=self.cells())

    def _is_chosen(self, candidate: str) -> bool:
        chosen = self.choices()
        return all((candidate, by) in chosen for by in self.calibrations)

    def _choose(self, searched: Sequence[Cell]) -> None:
        """Choose for all candidates of a search that has ended, and write it down."""
        made = dict(read_choices(self.out))
        for candidate in dict.fromkeys(cell.objective for cell in searched):
            own = _of(searched, candidate)
            for name in self.calibrations:
                tried = [self._tried(cell, name) for cell in own]
                choice = choose(candidate, name, tried)
                if choice.scale:  # where all failed, the next command searches again
                    made.setdefault((candidate, name), choice)
        self.out.mkdir(parents=True, exist_ok=True)
        write_choices(self.out, made)

    def _tried(self, cell: Cell, calibration: str) -> Tried:
        run = cell.folder(self.out)
        report = reports_of(run).get(calibration)
        if report is None:
            why = reason_of(run) or "not done"
            return Tried(cell.scale, cell.lr, None, None, why)
        both = report.average("global", "hit@10"), report.average("local", "hit@10")
        return Tried(cell.scale, cell.lr, *both)


def family_of(
    out: Path,
    regime: str,
    candidates: Mapping[str, Settings],
    *,
    scales: Sequence[str],
    rates: Sequence[str],
    seeds: int,
    calibrations: Sequence[str],
    overrides: Sequence[str],
    choose_on: str = "",
) -> Family:
    """The comparison in a regime, whose candidates are GCL without dropout but for their settings.

    Args:
        out: the folder of all regimes.
        regime: a key of `REGIMES`.
        candidates: their settings by name.
        scales, rates: what is tried for each; without rates the regime's own.
        seeds: how many are trained at what was chosen.
        calibrations: what is offered to every candidate.
        overrides: options of all trainings, such as "data.path=DIR".
        choose_on: the data of the search, with validation tasks; "" for that of all trainings.

    Raises:
        ConfigError: an option is refused.
        DataError: `choose_on` is no data.
    """
    if choose_on and not has_tasks(data_root(choose_on), "val_tasks"):
        raise ConfigError(
            f"--choose-on {choose_on:.200}: it has no val_tasks/ with tasks, by which to choose"
        )
    for override in overrides:
        option = override.partition("=")[0].strip()
        if option in _OF_CELLS or option.startswith("objective."):
            raise ConfigError(
                f"--set {override:.200}: every candidate has its own {option}, or it is searched, "
                "or the same for a fair comparison; --candidate adds a setting"
            )
    about = REGIMES[regime]
    base = toml.load(recipe=about.recipe, overrides=overrides)
    # Recipes change with what is found best; candidates are compared from the same plain GCL.
    plain = replace(base.model, dropout=0.0)
    base = replace(base, objective=ObjectiveConfig(), model=plain)
    start = None if about.start is None else toml.load(recipe=about.start, overrides=overrides)
    ablation = Ablation(
        out / regime, base, (), (), seeds, calibrations, start, None, candidates, further=True
    )
    return Family(ablation, scales, rates or about.rates, choose_on)


def _of(cells: Sequence[Cell], candidate: str) -> list[Cell]:
    return [cell for cell in cells if cell.objective == candidate]
