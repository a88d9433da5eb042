"""The cells of an ablation: one training for each objective, scale and seed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import isfinite
from pathlib import Path
from types import MappingProxyType

from gcl_spec.ablate.candidates import Settings, with_settings
from gcl_spec.config.options import Config
from gcl_spec.errors import ConfigError
from gcl_spec.objective import PRESETS
from gcl_spec.run.seeds import seed_folder

__all__ = [
    "LEARNED",
    "OBJECTIVES",
    "SCALES",
    "SEARCH",
    "Cell",
    "cell_config",
    "cells",
    "check_scales",
    "search_cells",
]

OBJECTIVES = (
    "clip", "triplets", "pairwise", "separation",
    "gcl-without-i-t", "gcl-without-to-it", "gcl-without-from-it", "gcl", "gcl-drop",
)  # fmt: skip
"""The rows of tables 1 and 5 of the GCL paper (arXiv 2509.25638), pairwise, and GCL without the
other positive of the same sample; all are keys of `gcl_spec.objective.PRESETS`."""

SEARCH = "search"
"""The folder of the runs that are evaluated on validation tasks."""

LEARNED = "learned"
SCALES = ("100", "16", LEARNED)
"""Fixed scales 1 / temperature, and one that is learned from CLIP's start, 1 / 0.07."""

_CLIP_START = 1 / 0.07


@dataclass(frozen=True, slots=True)
class Cell:
    """One training.

    objective: a key of `gcl_spec.objective.PRESETS`, or the name of a candidate.
    scale: a number, 1 / temperature, which stays fixed; or "learned".
    seed: of the weights that are new, and of the order of the data.
    lr: the peak learning rate; "" for the base's.
    searched: whether it is evaluated on validation tasks, so that settings can be chosen by it.
    """

    objective: str
    scale: str
    seed: int
    lr: str = ""
    searched: bool = False

    @property
    def name(self) -> str:
        """The name in messages.

        >>> Cell("gcl", "16", 0).name
        'gcl at scale 16, seed 0'
        """
        scale = "a learned scale" if self.scale == LEARNED else f"scale {self.scale}"
        rate = f", lr {self.lr}" if self.lr else ""
        return f"{self.objective} at {scale}{rate}, seed {self.seed}"

    def folder(self, out: Path) -> Path:
        """The folder of its run; those of all seeds lie together, as `gcl compare` takes them."""
        where = out / SEARCH if self.searched else out
        rate = f"-lr-{self.lr}" if self.lr else ""
        return seed_folder(where / self.objective / f"scale-{self.scale}{rate}", self.seed)


def cells(objectives: Sequence[str], scales: Sequence[str], seeds: int) -> list[Cell]:
    """All cells; those of the first seed come first, so that a table is soon whole.

    Args:
        objectives: keys of `gcl_spec.objective.PRESETS`.
        scales: as those of a `Cell`.
        seeds: how many.

    Raises:
        ConfigError: an objective or a scale is none.
    """
    for name in objectives:
        if name not in PRESETS:
            raise ConfigError(f"no objective {name!r}; there are {', '.join(PRESETS)}")
    check_scales(scales)
    return [Cell(o, s, seed) for seed in range(seeds) for s in scales for o in objectives]


def search_cells(
    candidates: Sequence[str], scales: Sequence[str], rates: Sequence[str]
) -> list[Cell]:
    """The cells of a search on validation tasks: one seed of every setting of every candidate.

    Args:
        candidates: their names.
        scales: as those of a `Cell`.
        rates: peak learning rates.

    Raises:
        ConfigError: a scale or rate is none.
    """
    check_scales(scales)
    for rate in rates:
        if not _is_number(rate):
            raise ConfigError(
                f"learning rate {rate!r:.80}: must be a number above 0, such as 0.001"
            )
    return [Cell(c, s, 0, lr, searched=True) for c in candidates for s in scales for lr in rates]


def check_scales(scales: Sequence[str]) -> None:
    """Refuse what is no scale.

    Raises:
        ConfigError: one is neither a number above 0 nor "learned".
    """
    for scale in scales:
        if scale != LEARNED and not _is_number(scale):
            raise ConfigError(f"scale {scale!r:.80}: must be a number above 0, or {LEARNED}")


def cell_config(
    base: Config, cell: Cell, candidates: Mapping[str, Settings] = MappingProxyType({})
) -> Config:
    """The options of a cell: the base's, but for the objective, scale, seed and learning rate.

    Args:
        base: the options of all cells.
        cell: which one.
        candidates: the settings of objectives that are no presets.

    >>> config = cell_config(Config(), Cell("clip", "16", 3))
    >>> config.objective.preset, config.optim.scale, config.optim.learn_scale, config.train.seed
    ('clip', 16.0, False, 3)
    """
    learns = cell.scale == LEARNED
    scale = _CLIP_START if learns else float(cell.scale)
    optim = replace(
        base.optim,
        lr=float(cell.lr or base.optim.lr),
        scale=scale,
        learn_scale=learns,
        max_scale=max(scale, base.optim.max_scale),
    )
    config = replace(base, optim=optim, train=replace(base.train, seed=cell.seed))
    if cell.searched:
        config = replace(config, eval=replace(config.eval, tasks="val_tasks"))
    if cell.objective in candidates:
        return with_settings(config, cell.objective, candidates[cell.objective])
    return replace(config, objective=replace(base.objective, preset=cell.objective))


def _is_number(text: str) -> bool:
    """Is it a number above 0, in the only spelling that is also a folder's name?"""
    try:
        value = float(text)
    except ValueError:
        return False
    return isfinite(value) and value > 0 and f"{value:g}" == text
