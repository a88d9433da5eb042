"""`gcl verify-resume`."""

import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import click

from gcl_cli._options import config_option, device_option, set_option
from gcl_cli.lines import say
from gcl_spec.config import toml
from gcl_spec.config.options import Config
from gcl_spec.errors import ConfigError, TrainingError
from gcl_spec.run.compare_runs import Compared, compare
from gcl_spec.run.folder import RunFolder
from gcl_spec.run.kill_and_resume import Kill, break_run, unbroken_run

__all__ = ["command"]

_DIFFERENT = 1


@click.command("verify-resume")
@click.option("--backend", default="torch", metavar="NAME", help="Who trains. Default: torch.")
@click.option("--recipe", metavar="NAME", help="Options by name. Default: lite.")
@config_option()
@set_option("As in gcl train.")
@device_option("As in gcl train.")
@click.option(
    "--steps", type=click.IntRange(2), default=40, help="Steps of the two runs. Default: 40."
)
@click.option("--kills", type=click.IntRange(1), default=3, help="How many SIGKILLs. Default: 3.")
@click.option("--seed", type=click.IntRange(0), default=0, help="Of the moments. Default: 0.")
@click.option("--minutes", type=click.FloatRange(0), default=60.0, help="At most. Default: 60.")
def command(
    backend: str,
    recipe: str | None,
    config_path: Path | None,
    overrides: tuple[str, ...],
    device: str | None,
    steps: int,
    kills: int,
    seed: int,
    minutes: float,
) -> int:
    """Show that a run killed with SIGKILL and resumed is the run that was never broken.

    Trains your own config twice for a few steps in a temporary folder, once in one go, once killed
    at random moments, and compares metrics, every number of the last checkpoint and the reports.
    The options are yours, but train.steps, log_every and save_every fit the few steps.

    Exit code 0: the same to the bit. 1: a difference, which is named; the two runs are kept. 2: no
    comparison, such as for a wrong option, a training that fails, or too little time.
    """
    if recipe is not None and config_path is not None:
        raise ConfigError("give --recipe or --config, not both")
    used = None if config_path is not None else recipe or "lite"
    config = _shorter(toml.load(recipe=used, path=config_path, overrides=overrides), steps)
    folder = Path(tempfile.mkdtemp(prefix="gcl-verify-resume-"))
    keeps = False
    try:
        (folder / "config.toml").write_text(toml.dumps(config))
        until = time.monotonic() + 60 * minutes
        parts = _compared(folder, backend, device, kills, seed, until)
        _show(parts)
        keeps = any(part.difference for part in parts)
    finally:
        if not keeps:
            shutil.rmtree(folder, ignore_errors=True)
    if not keeps:
        click.echo(f"verdict: killed {kills} times and resumed, the run is the same to the bit")
        return 0
    first = next(part for part in parts if part.difference)
    say(f"verdict: not the same, first in {first.part}: {first.difference}")
    say(f"both runs are in {folder}")
    return _DIFFERENT


def _shorter(config: Config, steps: int) -> Config:
    steps = min(steps, config.train.steps)
    every = min(config.train.save_every, max(1, steps // 8))
    train = replace(config.train, steps=steps, save_every=every, log_every=1)
    return replace(config, train=train)


def _compared(
    folder: Path, backend: str, device: str | None, kills: int, seed: int, deadline: float
) -> list[Compared]:
    try:
        return _run(folder, backend, device, kills, seed, deadline)
    except TrainingError as error:  # its exit code would be that of a difference
        raise ConfigError(str(error)) from error


def _run(
    folder: Path, backend: str, device: str | None, kills: int, seed: int, deadline: float
) -> list[Compared]:
    def command(out: Path, resumes: bool) -> Sequence[str]:
        start = [sys.executable, "-m", "gcl_cli", "train", "--backend", backend]
        start += [] if device is None else ["--device", device]
        if resumes:
            return [*start, "--resume", str(out)]
        return [*start, "--config", str(folder / "config.toml"), "--out", str(out)]

    def tell(kill: Kill) -> None:
        where = f"{kill.lines} lines of metrics" if kill.has_folder else "no folder yet"
        click.echo(f"killed after {kill.seconds:.2f} s: {where}", err=True)

    whole, broken = folder / "unbroken", folder / "resumed"
    times = unbroken_run(lambda resumes: command(whole, resumes), whole, deadline)
    click.echo(f"unbroken run: {times.whole:.1f} s, {1000 * times.step:.0f} ms a step", err=True)
    break_run(
        lambda resumes: command(broken, resumes),
        broken,
        times,
        kills=kills,
        seed=seed,
        deadline=deadline,
        say=tell,
    )
    return compare(RunFolder.open(whole), RunFolder.open(broken))


def _show(parts: Sequence[Compared]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table("part", "numbers", "result")
    for part in parts:
        said = "the same" if part.difference is None else f"differs: {part.difference}"
        table.add_row(part.part, f"{part.count:,}", said)
    Console().print(table)
