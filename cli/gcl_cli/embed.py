"""`gcl embed`."""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gcl_cli._options import (
    PATH,
    UserPath,
    allow_unverified_option,
    backend_option,
    device_option,
    instructions_option,
    set_option,
    step_option,
)
from gcl_cli.lines import say
from gcl_spec.errors import ConfigError, StoppedError
from gcl_spec.run.to_embed import Described
from gcl_spec.run.videos import batch_size

if TYPE_CHECKING:
    from gcl_spec.backend import World
    from gcl_spec.embed.manifest import Manifest
    from gcl_spec.embed.work import Work
    from gcl_spec.evaluate.calibrations.known import Chain
    from gcl_spec.run.checkpoint import Found

__all__ = ["command"]

_SECTIONS = ("data.", "eval.")


@click.command("embed")
@click.argument("run", type=PATH)
@click.argument("data", type=UserPath())
@click.argument("out", type=PATH)
@click.option(
    "--benchmark",
    type=click.Choice(["beir", "covr", "mbeir", "mixbench", "mmeb"]),
    help="DATA is that of a published benchmark.",
)
@instructions_option()
@click.option(
    "--items",
    type=click.Choice(["tasks", "train"]),
    help="Queries and candidates of tasks, or training samples.  [default: tasks, if any]",
)
@click.option("--dtype", type=click.Choice(["float32", "float16"]), default="float32",
              show_default=True, help="That of the stored rows.")  # fmt: skip
@click.option("--shard", type=click.IntRange(1), default=8192, show_default=True, metavar="N",
              help="Items of a shard; a kill loses at most one shard of each process.")  # fmt: skip
@click.option("--calibration", metavar="NAME", help="Apply what `gcl calibrate` has fitted, to "
              "queries as queries and to all others as candidates.")  # fmt: skip
@click.option("--engine", type=click.Choice(["here", "ray"]), default="here", show_default=True,
              help="Where: in this process (or those of torchrun), or by Ray.")  # fmt: skip
@click.option("--workers", type=click.IntRange(1), metavar="N",
              help="Processes of Ray that have the model.  [default: 2]")  # fmt: skip
@click.option("--address", metavar="HOST:PORT", help="A cluster of Ray that runs, whose machines "
              "find RUN and DATA by the same paths.  [default: Ray is started here]")  # fmt: skip
@set_option("Another option of data.* or eval.* than the run's; repeatable.")
@backend_option()
@step_option()
@device_option()
@allow_unverified_option()
def command(
    run: Path,
    data: str,
    out: Path,
    benchmark: str | None,
    instructions: str,
    items: str | None,
    dtype: str,
    shard: int,
    calibration: str | None,
    engine: str,
    workers: int | None,
    address: str | None,
    overrides: tuple[str, ...],
    backend: str,
    step: str,
    device: str | None,
    allow_unverified: bool,
) -> None:
    """Embed all items of DATA into the folder OUT, each once.

    \b
    gcl embed runs/lite-gcl starter rows            then: gcl eval --embeddings rows
    gcl embed RUN M-BEIR rows --benchmark mbeir --dtype float16
    torchrun --nproc-per-node=8 -m gcl_cli embed RUN M-BEIR rows --benchmark mbeir

    DATA is what `gcl train` and `gcl eval` read. A row is that of all parts of an item together.
    The same command goes on after a kill at any moment, in any number of processes, and computes
    only what is not there. Items that cannot be read have no row; OUT/absent.jsonl lists them.
    """
    if instructions == "on" and benchmark != "mbeir":
        raise ConfigError("--instructions on is for --benchmark mbeir")
    if benchmark and items == "train":
        raise ConfigError("--items train is for training data; a --benchmark has tasks")
    for override in overrides:
        if not override.startswith(_SECTIONS):
            raise ConfigError(
                f"--set {override:.200}: only options of data.* and eval.* apply here"
            )
    if engine != "ray" and (workers is not None or address is not None):
        raise ConfigError("--workers and --address are for --engine ray")
    described = Described(data, benchmark or "", instructions == "on", items or "")
    try:
        _embed(run, described, out, (dtype, shard, calibration), overrides,
               (backend, device, step), allow_unverified,
               (workers or 2, address or "") if engine == "ray" else None)  # fmt: skip
    except KeyboardInterrupt:
        raise StoppedError(
            f"stopped; whole shards are in {out}, and the same command goes on", resumable=True
        ) from None


def _embed(
    run: Path,
    described: Described,
    out: Path,
    stored: tuple[str, int, str | None],
    overrides: tuple[str, ...],
    used: tuple[str, str | None, str],
    allow_unverified: bool,
    ray: tuple[int, str] | None,
) -> None:
    from gcl_spec import registry
    from gcl_spec.embed.encode_entries import EntryEncoder
    from gcl_spec.embed.work import Work
    from gcl_spec.run.loaded import read_run
    from gcl_spec.run.ray_engine import Job, RayEngine
    from gcl_spec.run.to_embed import data_of, local_config, maker_of

    (dtype, size, calibration), (backend, device, step) = stored, used
    config, checkpoint = read_run(run, overrides, step=step, allow_unverified=allow_unverified)
    fitted = None
    if calibration is not None:
        fitted = _fitted(run, checkpoint, calibration, dtype, allow_unverified)
    data = data_of(config, described, roles=fitted is not None)
    maker = maker_of(config, checkpoint.state, run.resolve().name, backend=backend, dtype=dtype,
                     size=size, calibration=fitted)  # fmt: skip
    made = registry.load_training(backend)
    chosen = registry.choose_device(made, device)
    trainer = made.trainer(local_config(config), device=chosen, state=checkpoint.state)
    apply = None if fitted is None else fitted.apply_to_parts
    encoder = EntryEncoder(
        trainer, data.collate, config.model.modalities, batch_size(config), apply
    )
    job = Job(run.resolve(), data.described, config, overrides, step, allow_unverified,
              backend, device, size, dtype, calibration)  # fmt: skip
    engine = None if ray is None else RayEngine(job, *ray)
    about = data.described.to_json()
    work = Work(data.listing, encoder, data.contents, maker, out, about, engine)
    written = _carry_out(work, trainer.world, config.train.timeout, data.notes)
    if written is not None:
        _show(written, out)


def _fitted(
    run: Path, checkpoint: "Found", calibration: str, dtype: str, allow_unverified: bool
) -> "Chain":
    """The calibration of a run by its name, to be applied to rows of this dtype."""
    from gcl_spec.run.calibration_files import to_apply
    from gcl_spec.run.folder import RunFolder

    folder = RunFolder.open(run, allow_unverified=allow_unverified)
    return to_apply(folder, calibration, checkpoint, dtype)


def _carry_out(
    work: "Work", world: "World", timeout: float, notes: Iterable[str]
) -> "Manifest | None":
    """Say the notes on the data, and compute what is not stored yet.

    Only the first process gets the manifest of the whole folder; it is None in all others.
    """
    from gcl_spec.progress import open_progress
    from gcl_spec.train.heartbeat import watched

    with watched(world, timeout), open_progress() as reporter:
        if world.rank == 0:
            for note in notes:
                reporter.say(f"note: {note}")
        return work.run(world, reporter)


def _show(written: "Manifest", out: Path) -> None:
    kinds = ", ".join(f"{count:,} {name}" for name, count in written.modalities.items())
    say(f"{written.rows:,} rows of width {written.width} in {out}: {kinds}")
    if absent := written.items - written.rows:
        say(f"{absent:,} of {written.items:,} items have no row: {out / 'absent.jsonl'} says why")
