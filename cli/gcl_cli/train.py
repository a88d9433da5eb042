"""`gcl train`."""

import os
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path

import click

from gcl_cli._options import PATH
from gcl_cli.lines import say
from gcl_spec import registry
from gcl_spec.config import toml
from gcl_spec.config.options import Config
from gcl_spec.config.user_paths import user_path
from gcl_spec.errors import ConfigError, StoppedError
from gcl_spec.train.signals import caught, interrupted

__all__ = ["command", "launcher"]


@click.command("train")
@click.option("--backend", default="torch", show_default=True, metavar="NAME", help="Who trains.")
@click.option("--recipe", metavar="NAME", help="Options by name.  [default: lite]")
@click.option(
    "--config",
    "config_path",
    type=PATH,
    metavar="FILE",
    help="Options from a TOML file.",
)
@click.option(
    "--set",
    "overrides",
    multiple=True,
    metavar="KEY=VALUE",
    help="Override an option, such as train.steps=100; repeatable.",
)
@click.option(
    "--out",
    type=PATH,
    metavar="DIR",
    help="The run's folder.  [default: runs/RECIPE]",
)
@click.option("--device", metavar="NAME", help="Such as cpu or cuda:0.  [default: the first]")
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
@click.option(
    "--allow-unverified",
    is_flag=True,
    help="With --resume or --init: take files without checksums, or edited ones.",
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
    dry_run: bool,
    list_options: bool,
) -> None:
    """Train a retriever. Without options: recipe `lite` on the starter pictures.

    \b
    gcl train --recipe lite-clip                          CLIP's loss, fixed scale: a gap
    gcl train --recipe lite-gcl --init runs/lite-clip     GCL from there
    gcl train --resume runs/lite-gcl                      go on after a crash

    With --resume, --set changes options of the run on which no number depends, such as
    train.microbatch, data.workers or data.path.

    SIGTERM and Ctrl-C end the run after the step, saved, with exit code 130.
    """
    if recipe is not None and config_path is not None:
        raise ConfigError("give --recipe or --config, not both")
    if resume and out is not None:
        raise ConfigError(f"the run to go on with is {resume} or {out}? drop --out")
    resumes = resume is not None
    out = Path(user_path(resume)) if resume else out
    if resumes and (init is not None or dry_run):
        raise ConfigError("--resume goes on with a run as it is; drop --init and --dry-run")
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
        try:
            _train(config, backend, out, device, resumes, init, allow_unverified)
        except KeyboardInterrupt:
            raise interrupted(out, stop) from None


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


def _train(
    config: Config,
    backend: str,
    out: Path,
    device: str | None,
    resume: bool,
    init: Path | None,
    allow_unverified: bool,
) -> None:
    from rich.console import Console

    from gcl_spec.progress import open_progress
    from gcl_spec.report.tables import comparison_rows, geometry_rows, rich_table
    from gcl_spec.train.training import run_training

    trainer = registry.load_training(backend)
    try:
        with open_progress() as reporter:
            folder = run_training(
                config,
                trainer,
                out,
                device=device,
                resume=resume,
                init=init,
                allow_unverified=allow_unverified,
                reporter=reporter,
            )
    except StoppedError as error:
        if not error.resumable or not str(error):
            raise
        again = [*launcher(os.environ), "--resume", str(out), "--backend", backend]
        again += [] if device is None else ["--device", device]
        raise StoppedError(f"{error}; go on with: {shlex.join(again)}", resumable=True) from error
    if folder.rank:
        return
    reports = {"before": folder.report("before"), "after": folder.report("after")}
    console = Console()
    console.print(rich_table(comparison_rows(reports), "hit@10 in percent, by kind of search"))
    console.print(rich_table(geometry_rows(reports), "The space"))
    say(f"run: {folder.path}   report: {folder.path / 'report.html'}")


def _dry_run(
    config: Config, backend: str, device: str | None, init: Path | None, allow_unverified: bool
) -> None:
    from gcl_spec.train.training import dry_run

    made = registry.load_training(backend)
    found = dry_run(config, made, device=device, init=init, allow_unverified=allow_unverified)
    if found.rank:
        return
    say(f"trained parameters  {found.parameters:,}")
    say(f"a step              {found.seconds_per_step:.3f} s")
    say(f"{f'{config.train.steps} steps':<20}about {found.seconds_in_all:.0f} s")
    say(f"peak memory         {found.peak_memory_mb:,.0f} MB")
