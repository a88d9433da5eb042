"""The choice of a scale and a learning rate for each candidate, by validation alone.

What was chosen is written down with the figures that it was chosen by, before anything is
evaluated on test tasks, and is never chosen again.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from os.path import lexists
from pathlib import Path
from typing import Any

from gcl_spec._files.atomic import atomic_write
from gcl_spec._files.reading import parse_json, read_regular
from gcl_spec.ablate.cells import Cell
from gcl_spec.errors import CheckpointError, ConfigError
from gcl_spec.run.folder import RunFolder

__all__ = [
    "FILE",
    "RULE",
    "Choice",
    "Tried",
    "check_same_data",
    "check_same_search",
    "choice_rows",
    "choose",
    "read_choices",
    "write_choices",
]

FILE = "choice.json"
"""The file of a regime with what was chosen."""

RULE = "the mean of global and local hit@10 on the validation tasks, seed 0"
"""The rule by which a scale and a learning rate are chosen."""


@dataclass(frozen=True, slots=True)
class Tried:
    """One setting of a search; figures between 0 and 1, or why there are none."""

    scale: str
    lr: str
    global_hit: float | None
    local_hit: float | None
    failed: str = ""

    @property
    def figure(self) -> float | None:
        """The figure by which a setting is chosen (`RULE`); None where the setting failed."""
        if self.global_hit is None or self.local_hit is None:
            return None
        return (self.global_hit + self.local_hit) / 2


@dataclass(frozen=True, slots=True)
class Choice:
    """The setting that was chosen for a candidate with one calibration, and all that were tried.

    scale, lr: the best of `tried`, "" where all have failed.
    """

    candidate: str
    calibration: str
    scale: str
    lr: str
    tried: tuple[Tried, ...]

    @property
    def name(self) -> str:
        """The setting in tables, such as "16, lr 0.001"."""
        return f"{self.scale}, lr {self.lr}" if self.scale else ""

    def to_json(self) -> dict[str, Any]:
        """Plain dicts and lists, with the figure of each setting that it was chosen by."""
        tried = [{**asdict(one), "figure": one.figure} for one in self.tried]
        return {**asdict(self), "tried": tried}

    def cell(self, seed: int) -> Cell:
        """The training of a seed at what was chosen, to be evaluated on test tasks."""
        return Cell(self.candidate, self.scale, seed, self.lr)


def choose(candidate: str, calibration: str, tried: Sequence[Tried]) -> Choice:
    """The setting with the highest figure, of equal ones the first.

    Args:
        candidate, calibration: whose.
        tried: all settings of the search.
    """
    known = [(figure, one) for one in tried if (figure := one.figure) is not None]
    best = max(known, key=lambda pair: pair[0])[1] if known else Tried("", "", None, None)
    return Choice(candidate, calibration, best.scale, best.lr, tuple(tried))


def read_choices(folder: Path) -> dict[tuple[str, str], Choice]:
    """The choices in a regime's folder, by candidate and calibration; {} where none is made yet.

    Raises:
        CheckpointError: the file is not as it was written.
    """
    path = folder / FILE
    if not path.is_file():
        return {}
    try:
        data = parse_json(read_regular(path))
        choices = [
            Choice(
                **{**one, "tried": tuple(Tried(**tried) for tried in one["tried"])},
            )
            for one in data["choices"]
        ]
        for one in choices:
            if one != choose(one.candidate, one.calibration, one.tried):
                raise ValueError(f"{one.candidate} is not what its figures say")
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise CheckpointError(
            f"{path}: cannot read what was chosen: {error}; without the file it is chosen again"
        ) from error
    return {(one.candidate, one.calibration): one for one in choices}


def write_choices(folder: Path, choices: Mapping[tuple[str, str], Choice]) -> None:
    """Write down what was chosen in a regime's folder."""
    data: dict[str, Any] = {"by": RULE, "choices": [asdict(one) for one in choices.values()]}
    with atomic_write(folder / FILE) as file:
        file.write(json.dumps(data, indent=1).encode())


def choice_rows(choices: Sequence[Choice]) -> list[list[str]]:
    """Headings, then what was tried for each candidate: global / local hit@10 in percent.

    Args:
        choices: of one regime; what was chosen is marked by a star.
    """
    names = dict.fromkeys((one.scale, one.lr) for choice in choices for one in choice.tried)
    rows = [["candidate", "calibration", *(f"{scale}, lr {lr}" for scale, lr in names)]]
    for choice in choices:
        tried = {(one.scale, one.lr): one for one in choice.tried}
        cells = [_shown(tried[name], choice) if name in tried else "" for name in names]
        rows.append([choice.candidate, choice.calibration, *cells])
    return rows


def _shown(one: Tried, choice: Choice) -> str:
    if one.global_hit is None or one.local_hit is None:
        return "failed"
    star = " *" if (one.scale, one.lr) == (choice.scale, choice.lr) else ""
    return f"{100 * one.global_hit:.1f} / {100 * one.local_hit:.1f}{star}"


def check_same_data(runs: Iterable[Path], path: str) -> None:
    """Refuse to go on with a search on other data than it was begun on.

    Data that is no longer where it was counts as moved.

    Args:
        runs: what lies in the folder of the search, where all runs have the same data; the first
            run tells.
        path: of the data that is asked for.

    Raises:
        ConfigError: the search was begun on other data, which is still there.
        CheckpointError: the options of a run cannot be read.
    """
    run = next((run for run in runs if run.is_dir()), None)
    if run is None:
        return
    before = RunFolder.open(run).config().data.path
    moved = "starter" not in (before, path) and not lexists(before)
    if not moved and Path(before).resolve() != Path(path).resolve():
        raise ConfigError(
            f"{run}: it was trained on {before!r:.200}, and the search is now to be on "
            f"{path!r:.200}; give another --out, or the same --choose-on"
        )


def check_same_search(folder: Path, choice: Choice, cells: Sequence[Cell]) -> None:
    """Refuse another search than the one that was chosen from.

    Args:
        folder: of the regime, for the message.
        choice: what was chosen.
        cells: of the candidate's search as it is asked for now.

    Raises:
        ConfigError: it has other scales or learning rates.
    """
    before = {(one.scale, one.lr) for one in choice.tried}
    if before != {(cell.scale, cell.lr) for cell in cells}:
        raise ConfigError(
            f"{folder / FILE}: {choice.candidate} was chosen from other scales or learning rates "
            f"({', '.join(f'{s} at {lr}' for s, lr in sorted(before))}); since test tasks may have "
            "been seen by now, give another --out"
        )
