"""`gcl search`."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gcl_cli._json import write_json
from gcl_cli._options import (
    FILE,
    PATH,
    allow_unverified_option,
    backend_option,
    device_option,
    json_option,
    step_option,
    store_option,
)
from gcl_cli.lines import say
from gcl_spec.errors import ConfigError

if TYPE_CHECKING:
    from gcl_spec.index import Hit, Index

__all__ = ["command"]

_SNIPPET = 60


@click.command("search")
@click.argument("index", type=PATH)
@click.option("--image", type=FILE, metavar="FILE", help="Search by a picture.")
@click.option("--text", metavar="TEXT", help="Search by a text; with --image by both, fused.")
@click.option("--like", metavar="ID", help="Search by an item of the index.")
@click.option("--minus", metavar="TEXT", help="Move away from a text.")
@click.option(
    "--weight",
    type=click.FloatRange(0, 1),
    metavar="0..1",
    help="The share of the picture beside a text.  [default: fused as the run does]",
)
@click.option(
    "--only",
    metavar="image,text,image+text",
    default="",
    help="Search these modalities alone.  [default: all]",
)
@click.option(
    "-k", "k", type=click.IntRange(1, 10_000), default=10, show_default=True, help="How many hits."
)
@click.option("--min-score", type=float, metavar="SCORE", help="Leave out hits below.")
@click.option("--balanced", is_flag=True, help="Take hits of each modality in turn.")
@click.option(
    "--calibration",
    default="",
    metavar="NAME",
    help="Use rows of a calibration, which `gcl index --calibration` has made.",
)
@click.option("--exact", is_flag=True, help="Search exactly also above 100,000 items.")
@click.option("--sheet", type=FILE, metavar="FILE.png", help="Draw the hits as a contact sheet.")
@json_option("Write the hits as JSON.")
@click.option("--run", type=PATH, metavar="RUN", help="The run of the index, where it was moved.")
@store_option()
@backend_option()
@step_option("Which checkpoint of the run.")
@device_option()
@allow_unverified_option()
def command(
    index: Path,
    image: Path | None,
    text: str | None,
    like: str | None,
    minus: str | None,
    weight: float | None,
    only: str,
    k: int,
    min_score: float | None,
    balanced: bool,
    calibration: str,
    exact: bool,
    sheet: Path | None,
    json_path: Path | None,
    run: Path | None,
    store: str | None,
    backend: str,
    step: str,
    device: str | None,
    allow_unverified: bool,
) -> None:
    """Search an INDEX by a picture, a text, both, or one of its items.

    \b
    gcl search pictures --text "a dog on a beach" -k 5
    gcl search pictures --image shoe.jpg --text "the same in red" --only image
    gcl search pictures --like holiday/12.jpg --sheet hits.png

    Scores are cosines, approximate ones where the index holds int8 or binary codes alone. A filter
    applies before the search. Of equal scores the lower id is first.
    """
    from gcl_spec.index import open_index

    _check(sheet, json_path)
    opened = open_index(
        index, run=run, backend=backend, device=device, step=step,
        allow_unverified=allow_unverified, store=store,
    )  # fmt: skip
    hits = opened.search(
        image, text, like=like, k=k, only=[x.strip() for x in only.split(",") if x.strip()],
        exact=exact, min_score=min_score, balanced=balanced, calibration=calibration, minus=minus,
        weight=weight,
    )  # fmt: skip
    places = [opened.path_of(hit) for hit in hits]
    records = [{**hit.to_json(), "path": x} for hit, x in zip(hits, places, strict=True)]
    write_json(json_path, {"index": str(index), "codes": opened.codes, "hits": records})
    _write_sheet(sheet, opened, hits)
    _show(hits, places, opened.codes)


def _check(sheet: Path | None, json_path: Path | None) -> None:
    """Refuse files that cannot be written, before the index is opened."""
    from gcl_spec._files.atomic import check_writable

    for path in (sheet, json_path):
        check_writable(path)
    if sheet is not None and sheet.suffix.lower() != ".png":
        raise ConfigError(f"--sheet {sheet}: name a .png file")


def _write_sheet(path: Path | None, index: "Index", hits: "Sequence[Hit]") -> None:
    """Draw the contact sheet of the hits, where a file is named for it."""
    if path is not None:
        from gcl_spec.index.sheet import write_sheet

        write_sheet(path, hits, lambda hit: index.picture(hit.id))


def _show(hits: "Sequence[Hit]", places: Sequence[str | None], codes: str) -> None:
    """Print a line for each hit; `codes` are what the index holds instead of whole rows, if any."""
    for hit, place in zip(hits, places, strict=True):
        said = " ".join((hit.text or "").split())
        said = said if len(said) <= _SNIPPET else f"{said[:_SNIPPET]}..."
        parts = [f"{hit.rank:>3}", f"{hit.score:.4f}", f"{hit.modality:<10}", hit.id]
        parts += [x for x in (f'"{said}"' if said else "", place or "") if x]
        say("  ".join(parts))
    if not hits:
        say("nothing was found")
    if codes:
        say(f"scores are approximate: the index holds {codes} codes alone", err=True)
