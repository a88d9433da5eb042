"""The cells of an ablation: one training for each objective, scale and seed."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import isfinite
from pathlib import Path

from gcl_spec.config.options import Config
from gcl_spec.errors import ConfigError
from gcl_spec.objective import PRESETS
from gcl_spec.run.seeds import seed_folder

__all__ = ["LEARNED", "OBJECTIVES", "SCALES", "Cell", "cell_config", "cells"]

OBJECTIVES = (
    "clip", "triplets", "pairwise", "separation",
    "gcl-without-i-t", "gcl-without-i-it", "gcl-without-t-it", "gcl", "gcl-drop",
)  # fmt: skip
"""The rows of tables 1 and 5 of the GCL paper (arXiv 2509.25638), pairwise, and GCL without the
other positive of the same sample; all are keys of `gcl_spec.objective.PRESETS`."""

LEARNED = "learned"
SCALES = ("100", "16", LEARNED)
"""Fixed scales 1 / temperature, and one that is learned from CLIP's start, 1 / 0.07."""

_CLIP_START = 1 / 0.07


@dataclass(frozen=True, slots=True)
class Cell:
    """One training.

    objective: a key of `gcl_spec.objective.PRESETS`.
    scale: a number, 1 / temperature, which stays fixed; or "learned".
    seed: of the weights that are new, and of the order of the data.
    """

    objective: str
    scale: str
    seed: int

    @property
    def name(self) -> str:
        """The name in messages.

        >>> Cell("gcl", "16", 0).name
        'gcl at scale 16, seed 0'
        """
        scale = "a learned scale" if self.scale == LEARNED else f"scale {self.scale}"
        return f"{self.objective} at {scale}, seed {self.seed}"

    def folder(self, out: Path) -> Path:
        """The folder of its run; those of all seeds lie together, as `gcl compare` takes them."""
        return seed_folder(out / self.objective / f"scale-{self.scale}", self.seed)


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
    for scale in scales:
        if scale != LEARNED and not _is_scale(scale):
            raise ConfigError(f"scale {scale!r:.80}: must be a number above 0, or {LEARNED}")
    return [Cell(o, s, seed) for seed in range(seeds) for s in scales for o in objectives]


def cell_config(base: Config, cell: Cell) -> Config:
    """The options of a cell: the base's, but for the objective, the scale and the seed.

    >>> config = cell_config(Config(), Cell("clip", "16", 3))
    >>> config.objective.preset, config.optim.scale, config.optim.learn_scale, config.train.seed
    ('clip', 16.0, False, 3)
    """
    learns = cell.scale == LEARNED
    scale = _CLIP_START if learns else float(cell.scale)
    optim = replace(
        base.optim,
        scale=scale,
        learn_scale=learns,
        max_scale=max(scale, base.optim.max_scale),
    )
    return replace(
        base,
        objective=replace(base.objective, preset=cell.objective),
        optim=optim,
        train=replace(base.train, seed=cell.seed),
    )


def _is_scale(text: str) -> bool:
    """Is it a number above 0, in the only spelling that is also a folder's name?"""
    try:
        value = float(text)
    except ValueError:
        return False
    return isfinite(value) and value > 0 and f"{value:g}" == text
