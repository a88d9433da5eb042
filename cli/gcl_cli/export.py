"""`gcl export`."""

from pathlib import Path

import click

__all__ = ["command"]


@click.command()
@click.argument("run", type=click.Path(path_type=Path))
@click.argument("out", type=click.Path(path_type=Path))
def command(run: Path, out: Path) -> None:
    """Write the newest weights of RUN, a run of a clip model, as a checkpoint folder OUT.

    \b
    transformers:            CLIPModel.from_pretrained(OUT)
    sentence-transformers:   SentenceTransformer(OUT)
    """
    from gcl_spec.export import export_run

    click.echo(f"written: {export_run(run, out)}")
