"""`gcl ablate --family`: every objective of the family with its own best scale, in two regimes."""

import json
import shlex
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from gcl_cli._json import write_json
from gcl_cli.lines import say
from gcl_spec._files.atomic import atomic_write
from gcl_spec.errors import ConfigError

if TYPE_CHECKING:
    from gcl_spec.ablate.family import Family
    from gcl_spec.progress import Reporter

__all__ = ["REFERENCES", "Asked", "compare_family"]

REFERENCES = ("clip", "gcl")
"""The candidates that all others are compared with."""


class Asked(NamedTuple):
    """The arguments of `gcl ablate --family`; empty sequences stand for the defaults."""

    candidates: Sequence[str]
    own: Sequence[str]
    scales: Sequence[str]
    rates: Sequence[str]
    regimes: Sequence[str]
    seeds: int
    calibrations: Sequence[str]
    overrides: Sequence[str]
    out: Path
    json_path: Path | None
    show: bool
    choose_on: str


def families_of(asked: Asked) -> "dict[str, Family]":
    """The comparison in each regime, by its name; `family_of` raises the same errors."""
    from gcl_spec.ablate.candidates import chosen
    from gcl_spec.ablate.family import REGIMES, SCALES, family_of

    for name in asked.regimes:
        if name not in REGIMES:
            raise ConfigError(f"no regime {name!r}; there are {', '.join(REGIMES)}")
    candidates = chosen(asked.candidates, asked.own)
    return {
        name: family_of(
            asked.out,
            name,
            candidates,
            scales=tuple(dict.fromkeys(asked.scales or SCALES)),
            rates=tuple(dict.fromkeys(asked.rates)),
            seeds=asked.seeds,
            calibrations=asked.calibrations,
            overrides=asked.overrides,
            choose_on=asked.choose_on,
        )
        for name in dict.fromkeys(asked.regimes or REGIMES)
    }


def compare_family(
    asked: Asked, train: "Callable[[Callable[[Any, Reporter, str | None], int]], int]"
) -> int:
    """Search, choose, train and show; the number of trainings that failed.

    Args:
        asked: what the command was asked for.
        train: calls a function with a backend, a reporter of progress, and a device.

    Raises:
        ConfigError: an option is refused.
        StoppedError: a signal came; the same command goes on.
    """
    families = families_of(asked)
    for family in families.values():
        family.search()  # a wrong name is said before a framework is loaded
    failed = 0
    if not asked.show:

        def run(backend: Any, reporter: "Reporter", device: str | None) -> int:
            cells = (one.run(backend, reporter, device=device) for one in families.values())
            return sum(map(len, cells))

        failed = train(run)
    words = shlex.join(["gcl", *(word for word in sys.argv[1:] if word != "--show")])
    regimes = {name: _show(name, family, words) for name, family in families.items()}
    write_json(asked.json_path, {"regimes": regimes})
    return failed


def _show(name: str, family: "Family", words: str) -> Mapping[str, Any]:
    """Show the tables of a regime, and write its files where its folder is there."""
    from rich.console import Console

    from gcl_spec.ablate.choice import RULE, choice_rows
    from gcl_spec.ablate.family import REGIMES
    from gcl_spec.ablate.family_rows import family_rows, searched
    from gcl_spec.evaluate.ablated import against
    from gcl_spec.report.ablation_tables import titles
    from gcl_spec.report.family_tables import family_legend, short_table
    from gcl_spec.report.tables import rich_table

    rows = family_rows(family)
    compared = {reference: against(rows, reference) for reference in REFERENCES}
    choices = list(family.choices().values())
    tried, title = choice_rows(choices), f"{name}: {REGIMES[name].about}"
    console, (done, total) = Console(), searched(family)
    say(f"{title}; {done} of {total} trainings of the search are done")
    for calibration, label in titles(rows).items():
        console.print(rich_table(short_table(compared, calibration), f"hit@10, {label}"))
    say(family_legend(REFERENCES))
    data = {
        "regime": name,
        "chosen by": RULE,
        "choices": [choice.to_json() for choice in choices],
        "rows": [_with_references(n, compared) for n in range(len(rows))],
    }
    if family.out.is_dir():
        _write(family.out, (title, words, compared, tried, RULE), json.dumps(data, indent=1))
        say(f"page: {family.out / 'family.html'}")
    return data


def _write(out: Path, shown: tuple[str, str, Any, Any, str], data: str) -> None:
    """Write the page, the figure, and the tables of a regime, as Markdown and JSON."""
    from gcl_spec.report.ablation_page import figure
    from gcl_spec.report.family_tables import family_markdown, family_page

    rows = next(iter(shown[2].values()))
    texts = {
        "family.html": family_page(*shown),
        "family.svg": figure(rows, alone=True),
        "family.md": family_markdown(*shown),
        "family.json": data,
    }
    for file_name, text in texts.items():
        with atomic_write(out / file_name) as file:
            file.write(text.encode(errors="backslashreplace"))


def _with_references(number: int, compared: Mapping[str, Sequence[Any]]) -> dict[str, Any]:
    """A row as plain values, with its differences from each reference."""
    every = {name: rows[number].to_json() for name, rows in compared.items()}
    against = {name: one["against"] for name, one in every.items()}
    return {**next(iter(every.values())), "against": against}
