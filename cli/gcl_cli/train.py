"""`gcl train`."""

import os
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import click

from gcl_cli._options import (
    PATH,
    allow_unverified_option,
    backend_option,
    config_option,
    device_option,
    set_option,
)
from gcl_cli._seeds import show_seeds, write_seeds_page
from gcl_cli.lines import say
from gcl_spec import registry
from gcl_spec.config import toml
from gcl_spec.config.options import Config
from gcl_spec.config.user_paths import user_path
from gcl_spec.errors import ConfigError, StoppedError
from gcl_spec.train.signals import caught, interrupted

if TYPE_CHECKING:
    from gcl_spec.run.folder import RunFolder

__all__ = ["command", "launcher"]


@click.command("train")
@backend_option("Who trains.")
@click.option("--recipe", metavar="NAME", help="Options by name: gcl recipes.  [default: lite]")
@config_option()
@set_option("Override an option, such as train.steps=100; repeatable.")
@click.option(
    "--out",
    type=PATH,
    metavar="DIR",
    help="The run's folder.  [default: runs/RECIPE]",
)
@device_option()
@click.option(
    "--resume",
    is_flag=False,
    flag_value="",
    metavar="[DIR]",
    help="Go on with the run in DIR, or in --out.",
)
@click.option(
    "--init",
    type=PATH,
    metavar="RUN|FILE",
    help="Start from the weights of another run, or of a checkpoint file of one.",
)
@allow_unverified_option("With --resume or --init: take files without checksums, or edited ones.")
@click.option(
    "--seeds",
    type=click.IntRange(1),
    metavar="N",
    help="Train with seeds 0 to N - 1, in OUT/seed-0, ...; the same command goes on after a stop.",
)
@click.option("--dry-run", is_flag=True, help="Two steps: memory and time; writes no run.")
@click.option("--list-options", is_flag=True, help="Show every option with its value.")
def command(
    backend: str,
    recipe: str | None,
    config_path: Path | None,
    overrides: tuple[str, ...],
    out: Path | None,
    device: str | None,
    resume: str | None,
    init: Path | None,
    allow_unverified: bool,
    seeds: int | None,
    dry_run: bool,
    list_options: bool,
) -> None:
    """Train a retriever. Without options: recipe `lite` on the starter pictures.

    \b
    gcl train --recipe lite-clip                          CLIP's loss, fixed scale: a gap
    gcl train --recipe lite-gcl --init runs/lite-clip     GCL from there
    gcl train --resume runs/lite-gcl                      go on after a crash
    gcl train --seeds 5                                   five runs, mean +- deviation

    With --resume, --set changes options of the run on which no number depends, such as
    train.microbatch, data.workers or data.path.

    SIGTERM and Ctrl-C end the run after the step, saved, with exit code 130.
    """
    if recipe is not None and config_path is not None:
        raise ConfigError("give --recipe or --config, not both")
    resumes = resume is not None
    out = _resumed(resume, out, others=init is not None or dry_run or bool(seeds))
    name = recipe or (config_path.stem if config_path is not None else "lite")
    out = out or Path("runs") / name
    if resumes and recipe is None and config_path is None:
        config = _own_options(out, overrides, allow_unverified)
    else:
        used = None if config_path is not None else name
        config = toml.load(recipe=used, path=config_path, overrides=overrides)
    if list_options:
        click.echo(toml.describe(config))
        return
    if dry_run:
        _dry_run(config, backend, device, init, allow_unverified)
        return
    with caught() as stop:  # for the import of libraries; later `run` has handlers of its own
        how = _How(backend, device, init, allow_unverified)
        try:
            if seeds:
                _train_seeds(seeds, config, out, how)
            else:
                _show(_train(config, out, how, resume=resumes))
        except KeyboardInterrupt:
            raise interrupted(out, stop) from None


def _resumed(resume: str | None, out: Path | None, *, others: bool) -> Path | None:
    """The folder of the run that --resume names, else `out`; refuses options beside --resume."""
    if resume and out is not None:
        raise ConfigError(f"the run to go on with is {resume} or {out}? drop --out")
    folder = Path(user_path(resume)) if resume else out
    if resume is not None and others:
        raise ConfigError("--resume goes on with a run as it is; drop --init, --seeds, --dry-run")
    return folder


def _own_options(out: Path, overrides: Sequence[str], allow_unverified: bool) -> Config:
    from gcl_spec.run.folder import RunFolder

    return RunFolder.open(out, allow_unverified=allow_unverified).config(overrides)


def launcher(environment: Mapping[str, str]) -> list[str]:
    """The words of a command that starts `gcl train` as this process was, by torchrun or alone.

    Args:
        environment: the variables of the process.
    """
    if "TORCHELASTIC_RUN_ID" in environment:
        nodes = int(environment.get("GROUP_WORLD_SIZE", "1"))
        words = ["torchrun", *([f"--nnodes={nodes}"] if nodes > 1 else [])]
        words.append(f"--nproc-per-node={environment.get('LOCAL_WORLD_SIZE', '1')}")
        return [*words, "-m", "gcl_cli", "train"]
    names = ("JAX_COORDINATOR_ADDRESS", "JAX_NUM_PROCESSES", "JAX_PROCESS_ID")
    joined = [f"{name}={environment[name]}" for name in names if name in environment]
    return [*joined, "gcl", "train"]


class _How(NamedTuple):
    """The arguments that all runs of one command share."""

    backend: str
    device: str | None
    init: Path | None
    allow_unverified: bool


def _train(
    config: Config, out: Path, how: _How, *, resume: bool, again: str | None = None
) -> "RunFolder":
    """Train; `again` says how to go on after a stop, by default with --resume."""
    from gcl_spec.progress import open_progress
    from gcl_spec.train.training import run_training

    trainer = registry.load_training(how.backend)
    try:
        with open_progress() as reporter:
            return run_training(
                config,
                trainer,
                out,
                device=how.device,
                resume=resume,
                init=None if resume else how.init,
                allow_unverified=how.allow_unverified,
                reporter=reporter,
            )
    except StoppedError as error:
        if not error.resumable or not str(error):
            raise
        words = [*launcher(os.environ), "--resume", str(out), "--backend", how.backend]
        words += [] if how.device is None else ["--device", how.device]
        said = again or shlex.join(words)
        raise StoppedError(f"{error}; go on with: {said}", resumable=True) from error


def _show(folder: "RunFolder") -> None:
    from rich.console import Console

    from gcl_spec.report.tables import comparison_rows, geometry_rows, rich_table

    if folder.rank:
        return
    reports = {"before": folder.report("before"), "after": folder.report("after")}
    console = Console()
    console.print(rich_table(comparison_rows(reports), "hit@10 in percent, by kind of search"))
    console.print(rich_table(geometry_rows(reports), "The space"))
    say(f"run: {folder.path}   report: {folder.path / 'report.html'}")


def _train_seeds(count: int, config: Config, out: Path, how: _How) -> None:
    from gcl_spec.run.folder import RunFolder
    from gcl_spec.train.seeds import plan_seeds

    # All processes look before the first one trains.
    planned = plan_seeds(count, config, out, allow_unverified=how.allow_unverified)
    rank = 0
    for run in planned:
        if run.state == "done":
            say(f"{run.path}: has ended before, not run again", err=True)
            continue
        say(f"{run.path}: {'goes on' if run.state == 'begun' else 'begins'}", err=True)
        resume = run.state == "begun"
        rank = _train(run.config, run.path, how, resume=resume, again="the same command").rank
    if rank:
        return
    folders = [RunFolder.open(run.path, allow_unverified=how.allow_unverified) for run in planned]
    before, after = (
        {folder.path.name: folder.report(name) for folder in folders}
        for name in ("before", "after")
    )
    show_seeds(after)
    write_seeds_page(out, before, after)


def _dry_run(
    config: Config, backend: str, device: str | None, init: Path | None, allow_unverified: bool
) -> None:
    from gcl_spec.train.training import dry_run

    made = registry.load_training(backend)
    cost = dry_run(config, made, device=device, init=init, allow_unverified=allow_unverified)
    if cost.rank:
        return
    say(f"trained parameters  {cost.parameters:,}")
    say(f"a step              {cost.seconds_per_step:.3f} s")
    say(f"{f'{config.train.steps} steps':<20}about {cost.seconds_in_all:.0f} s")
    say(f"peak memory         {cost.peak_memory_mb:,.0f} MB")
