"""`gcl export`."""

from pathlib import Path

import click

from gcl_cli._options import PATH, allow_unverified_option, step_option
from gcl_cli.lines import say
from gcl_spec.models.blocks import PRUNED
from gcl_spec.models.config_json import read_json

__all__ = ["command"]


@click.command()
@click.argument("run", type=PATH)
@click.argument("out", type=PATH)
@click.option("--onnx", is_flag=True, help="Write image.onnx and text.onnx instead.")
@click.option(
    "--int8",
    is_flag=True,
    help="With --onnx: also graphs with matrices of 8 bits, and hit@10.",
)
@click.option(
    "--data",
    type=PATH,
    metavar="DIR",
    help="With --int8: tasks to search.  [default: those of the starter set]",
)
@step_option("Which checkpoint; best by validation.")
@click.option(
    "--calibration",
    metavar="NAME",
    help="Put this one of `gcl calibrate` beside it, as calibration.safetensors.",
)
@allow_unverified_option()
def command(
    run: Path,
    out: Path,
    onnx: bool,
    int8: bool,
    data: Path | None,
    step: str,
    calibration: str | None,
    allow_unverified: bool,
) -> None:
    """Write the weights of RUN into a new folder OUT.

    A run of a clip model becomes a checkpoint:

    \b
    transformers:            CLIPModel.from_pretrained(OUT)
    sentence-transformers:   SentenceTransformer(OUT)

    That of an automatic TinyCLIP has no such form, and is for model.path alone. A run of a VISTA
    becomes a folder with its published names, which model.path takes.

    With --onnx, any run becomes one graph a modality, which gives unit rows and is compared with
    the run's own model before it is written. --int8 writes image.int8.onnx and text.int8.onnx
    beside them, and says what hit@10 both have.
    """
    if (int8 and not onnx) or (data is not None and not int8):
        raise click.UsageError("--int8 goes with --onnx, and --data with --int8")
    if onnx:
        _export_onnx(run, out, (step, calibration, allow_unverified), int8=int8, data=data)
        return
    from gcl_spec.export.transformers import export_run

    made = export_run(
        run, out, step=step, allow_unverified=allow_unverified, calibration=calibration
    )
    say(f"written: {made}")
    settings = made / "config.json"
    if settings.is_file() and read_json(settings).get("model_type") == PRUNED:
        say("its blocks differ, which no model of transformers has: gcl-spec alone reads it")


def _export_onnx(
    run: Path, out: Path, chosen: tuple[str, str | None, bool], *, int8: bool, data: Path | None
) -> None:
    from gcl_spec.export.onnx import export_onnx
    from gcl_spec.run.folder import RunFolder
    from gcl_spec.run.searches import searches_of

    step, calibration, allow_unverified = chosen
    searches = None
    if int8:
        config = RunFolder.open(run, allow_unverified=allow_unverified).config()
        if config.model.kind == "adapter":
            raise click.UsageError("--int8 is for models with towers; an adapter has heads alone")
        searches = searches_of(config.model, data)
        for note in searches.notes:
            say(f"note: {note}", err=True)
    made = export_onnx(
        run,
        out,
        step=step,
        allow_unverified=allow_unverified,
        calibration=calibration,
        int8=searches,
    )
    for parity in made.parities:
        say(
            f"{parity.modality}.onnx: {parity.rows} rows within {parity.largest_difference:.1e} "
            f"of the run's own, cosine at least {parity.smallest_cosine:.7f}"
        )
    for small in made.quantised:
        before, after = small.megabytes
        say(
            f"{small.modality}.int8.onnx: {after:.1f} MB instead of {before:.1f} MB, cosine at "
            f"least {small.smallest_cosine:.4f}"
        )
    if made.reports is not None:
        for pool in ("global", "local"):
            first, last = (100 * report.average(pool, "hit@10") for report in made.reports)
            say(f"hit@10, {pool} pool: {first:.1f} in float32, {last:.1f} in 8 bits")
    say(f"written: {out}")
