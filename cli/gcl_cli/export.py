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
    step: str,
    calibration: str | None,
    allow_unverified: bool,
) -> None:
    """Write the weights of RUN into a new folder OUT.

    A run of a clip model becomes a checkpoint:

    \b
    transformers:            CLIPModel.from_pretrained(OUT)
    sentence-transformers:   SentenceTransformer(OUT)

    That of an automatic TinyCLIP has no such form, and is for model.path alone.

    With --onnx, any run becomes one graph a modality, which gives unit rows and is compared with
    the run's own model before it is written.
    """
    if onnx:
        from gcl_spec.export.onnx import export_onnx

        for found in export_onnx(
            run, out, step=step, allow_unverified=allow_unverified, calibration=calibration
        ):
            say(
                f"{found.modality}.onnx: {found.rows} rows within {found.largest_difference:.1e} "
                f"of the run's own, cosine at least {found.smallest_cosine:.7f}"
            )
        say(f"written: {out}")
        return
    from gcl_spec.export.transformers import export_run

    made = export_run(
        run, out, step=step, allow_unverified=allow_unverified, calibration=calibration
    )
    say(f"written: {made}")
    if read_json(made / "config.json").get("model_type") == PRUNED:
        say("its blocks differ, which no model of transformers has: gcl-spec alone reads it")
