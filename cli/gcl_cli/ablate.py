"""`gcl ablate`."""

import os
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import click

from gcl_cli._ablation_files import write_ablation
from gcl_cli._json import write_json
from gcl_cli._options import (
    PATH,
    backend_option,
    config_option,
    device_option,
    json_option,
    set_option,
)
from gcl_cli.ablate_family import Asked, compare_family
from gcl_cli.lines import say
from gcl_spec import registry
from gcl_spec._files.atomic import check_writable
from gcl_spec.config import toml
from gcl_spec.errors import ConfigError, StoppedError
from gcl_spec.train.signals import caught, interrupted

if TYPE_CHECKING:
    from gcl_spec.ablate.ablation import Ablation
    from gcl_spec.config.options import Config

__all__ = ["command"]

Run: TypeAlias = Callable[[Any, Any, str | None], int]
"""A function that trains with a backend, a reporter and a device, and returns how many trainings
failed."""

_RECIPE = "lite-gcl"
_START = "lite-clip"


@click.command("ablate")
@backend_option("Who trains.")
@click.option("--recipe", metavar="NAME", help=f"Options by name.  [default: {_RECIPE}]")
@config_option()
@set_option("Override an option of every training, such as train.steps=100; repeatable.")
@click.option(
    "--start",
    metavar="NAME",
    help=f"Train by this recipe first, for each seed, and begin there.  [default: {_START} for a "
    "lite model; none for a checkpoint]",
)
@click.option(
    "--init", type=PATH, metavar="RUN|FILE", help="Begin from these weights; no training first."
)
@click.option(
    "--objective",
    "objectives",
    multiple=True,
    metavar="NAME",
    help="A preset; repeatable.  [default: the paper's rows, pairwise and gcl-drop]",
)
@click.option(
    "--scale",
    "scales",
    multiple=True,
    metavar="S|learned",
    help="1 / temperature; repeatable.  [default: 100, 16, learned; --family: 7, 16, 50, 100, "
    "learned]",
)
@click.option(
    "--calibration",
    "calibrations",
    multiple=True,
    metavar="NAME",
    help="Evaluate with it too, or none; repeatable.  [default: cfu+bank]",
)
@click.option("--seeds", type=click.IntRange(1), default=5, show_default=True, metavar="N")
@click.option(
    "--reference",
    default="gcl",
    show_default=True,
    metavar="NAME",
    help="The objective that others are compared with.",
)
@click.option("--family", is_flag=True, help="Compare the family of objectives, each at its best.")
@click.option(
    "--candidates",
    multiple=True,
    metavar="NAME,...",
    help="--family: these alone; repeatable.  [default: all, as they are and with dropout]",
)
@click.option(
    "--candidate",
    "own",
    multiple=True,
    metavar="NAME=section.key=VALUE,...",
    help="--family: one of your own, too, such as half=objective.positives=0.5; repeatable.",
)
@click.option(
    "--lr",
    "rates",
    multiple=True,
    metavar="LR",
    help="--family: a learning rate to try; repeatable.  [default: two for each regime]",
)
@click.option(
    "--regime",
    "regimes",
    multiple=True,
    metavar="gap|scratch",
    help="--family: only this one; repeatable.  [default: both]",
)
@click.option(
    "--choose-on",
    type=PATH,
    metavar="DATA",
    help="--family: search on this data, by its val_tasks/.  [default: that of all trainings]",
)
@click.option("--out", type=PATH, default=Path("runs/ablation"), show_default=True, metavar="DIR")
@device_option()
@click.option("--show", is_flag=True, help="Train nothing: show what is done.")
@json_option("Write the rows too.")
def command(
    backend: str,
    recipe: str | None,
    config_path: Path | None,
    overrides: tuple[str, ...],
    start: str | None,
    init: Path | None,
    objectives: tuple[str, ...],
    scales: tuple[str, ...],
    calibrations: tuple[str, ...],
    seeds: int,
    reference: str,
    out: Path,
    device: str | None,
    show: bool,
    json_path: Path | None,
    **of_family: Any,
) -> None:
    """Train every objective at every scale with every seed, and compare them.

    \b
    gcl ablate                                  tables 1 and 5 of the paper on the starter set
    gcl ablate --recipe clip --set model.path=FOLDER --set data.path=FOLDER    your own
    gcl ablate --objective clip --objective gcl --scale 16 --seeds 3           fewer
    gcl ablate --out runs/ablation --show                                      what is done
    gcl ablate --family --out runs/family                                      the family

    With --family every candidate has the same search over scales and learning rates, with one seed
    on the validation tasks, and is then trained with all seeds at what was best and evaluated on
    the test tasks, from the paper's gap and from scratch.

    The same command goes on after a stop; the same command beside it shares the work. One that
    fails is a row with its reason, and is tried again by the next command. DIR then holds
    ablation.html, ablation.svg, ablation.md and ablation.json; `gcl compare` takes any two of
    DIR/OBJECTIVE/scale-SCALE.
    """
    from gcl_spec.ablate.ablation import Ablation
    from gcl_spec.ablate.cells import OBJECTIVES, SCALES

    _check(recipe, config_path, start, init)
    check_writable(json_path)
    train = partial(_train, out, backend, device)
    chosen = tuple(name for name in calibrations or ("cfu+bank",) if name != "none")
    if _is_family(of_family, (recipe, config_path, start, init, *objectives, reference != "gcl")):
        of_family = {**of_family, "scales": scales, "seeds": seeds, "calibrations": chosen}
        asked = Asked(overrides=overrides, out=out, json_path=json_path, show=show, **of_family)
        _end(compare_family(asked, train), out)
        return
    base, first = _options(recipe, config_path, overrides, start, init)
    ablation = Ablation(
        out, base, objectives or OBJECTIVES, scales or SCALES, seeds, chosen, first, init
    )
    failed = 0
    if not show:
        ablation.cells()  # a wrong name is said before a framework is loaded
        failed = train(lambda *how: len(ablation.run(*how[:2], device=how[2])))
    _show(ablation, reference, json_path)
    _end(failed, out)


def _check(
    recipe: str | None, config_path: Path | None, start: str | None, init: Path | None
) -> None:
    """Refuse options that exclude each other, and several processes of one command."""
    if recipe is not None and config_path is not None:
        raise ConfigError("give --recipe or --config, not both")
    if start is not None and init is not None:
        raise ConfigError("cells begin from a training of --start or from --init, not from both")
    if int(os.environ.get("WORLD_SIZE", "1")) > 1:
        raise ConfigError("gcl ablate is one process; begin the same command several times instead")


def _options(
    recipe: str | None,
    config_path: Path | None,
    overrides: Sequence[str],
    start: str | None,
    init: Path | None,
) -> "tuple[Config, Config | None]":
    """The options of all trainings, and of the training before them, where there is one."""
    used = None if config_path is not None else recipe or _RECIPE
    base = toml.load(recipe=used, path=config_path, overrides=overrides)
    if start is None and init is None and base.model.kind == "lite":
        start = _START
    first = None if start is None else toml.load(recipe=start, path=None, overrides=overrides)
    return base, first


def _end(failed: int, out: Path) -> None:
    if failed:
        say(f"{failed} trainings failed; their reasons stand in the page in {out}", err=True)
        sys.exit(1)


def _is_family(of_family: dict[str, Any], others: Sequence[object]) -> bool:
    """Is the family asked for? Takes the flag out, and refuses what does not go with it.

    A path of --choose-on becomes the text that `Asked` takes.
    """
    if not of_family.pop("family"):
        given = [name for name, value in of_family.items() if value]
        if given:
            words = {"own": "candidate", "rates": "lr", "regimes": "regime"}
            word = words.get(given[0], given[0]).replace("_", "-")
            raise ConfigError(f"--{word} is for gcl ablate --family")
        return False
    if any(others):
        raise ConfigError(
            "--family has recipes, starts and objectives of its own: leave out --recipe, --config, "
            "--start, --init, --objective and --reference; --candidate adds a "
            "setting, and --set an option of all"
        )
    of_family["choose_on"] = str(of_family["choose_on"] or "")
    return True


def _train(out: Path, backend: str, device: str | None, run: Run) -> int:
    """Call `run`, which trains what is not done, and return how many trainings failed."""
    from gcl_spec.progress import open_progress

    with caught() as stop:
        try:
            with open_progress() as reporter:
                made = registry.load_training(backend)
                return run(made, reporter, device)
        except StoppedError as error:
            if not error.resumable:
                raise
            raise StoppedError(f"{error}; the same command goes on", resumable=True) from error
        except KeyboardInterrupt:
            raise interrupted(out, stop) from None


def _show(ablation: "Ablation", reference: str, json_path: Path | None) -> None:
    from rich.console import Console

    from gcl_spec.ablate.rows import rows_of
    from gcl_spec.evaluate.ablated import against
    from gcl_spec.report.ablation_tables import ablation_rows, geometry_rows, legend, titles
    from gcl_spec.report.tables import rich_table

    rows = against(rows_of(ablation), reference)
    console = Console()
    for name, title in titles(rows).items():
        console.print(rich_table(ablation_rows(rows, name), f"hit@10, {title}"))
    say(legend(reference))
    console.print(rich_table(geometry_rows(rows), "The space"))
    write_json(json_path, {"rows": [row.to_json() for row in rows]})
    if ablation.out.is_dir():
        write_ablation(ablation.out, rows, reference)
        say(f"page: {ablation.out / 'ablation.html'}")
