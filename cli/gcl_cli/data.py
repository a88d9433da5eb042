"""`gcl data`."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gcl_cli._json import write_json
from gcl_cli._options import UserPath, config_option, json_option, set_option
from gcl_cli.lines import say
from gcl_spec.config import toml

if TYPE_CHECKING:
    from gcl_spec.audit.findings import Findings

__all__ = ["command"]

_SHOWN = 10


@click.group("data")
def command() -> None:
    """Look at training data."""


@command.command("check")
@click.argument("path", type=UserPath())
@click.option("--recipe", metavar="NAME", help="Options by name: batch size, tokens, columns.")
@config_option()
@set_option("Override an option, such as train.batch_size=4096; repeatable.")
@click.option(
    "--sample", type=click.IntRange(2), metavar="N", help="Look at N samples, drawn at random."
)
@click.option("--seed", type=int, default=0, show_default=True, help="Of that draw.")
@json_option("Write everything, every bad sample too.")
def check(
    path: str,
    recipe: str | None,
    config_path: Path | None,
    overrides: tuple[str, ...],
    sample: int | None,
    seed: int,
    json_path: Path | None,
) -> None:
    """Find what must be mended in the data at PATH; the exit code is 1 where something must.

    PATH is what data.path takes: starter, a folder or zip with train.jsonl, parquet files, tar
    shards, a csv or tsv file, a json of LLaVA's layout, or vectors; with `{00000..00003}`, `{a,b}`
    and `*`.
    """
    from gcl_spec._files.atomic import check_writable
    from gcl_spec.audit.findings import check_data
    from gcl_spec.errors import ConfigError
    from gcl_spec.progress import open_progress

    check_writable(json_path)
    if recipe is not None and config_path is not None:
        raise ConfigError("give --recipe or --config, not both")
    config = toml.load(recipe=recipe, path=config_path, overrides=overrides)
    config = replace(config, data=replace(config.data, path=path))
    with open_progress() as reporter:
        found = check_data(config, sample=sample, seed=seed, reporter=reporter)
    problems = found.problems(config.data.max_bad)
    write_json(json_path, {**found.to_json(), "problems": problems}, indent=1)
    _show(found)
    for note in found.notes:
        say(f"note: {note}")
    for problem in problems:
        say(f"to mend: {problem}")
    if problems:
        raise SystemExit(1)
    say("nothing must be mended")


def _show(found: "Findings") -> None:
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table

    say(f"{found.looked_at:,} of {found.samples:,} samples of {found.name}")
    table = Table(box=SIMPLE_HEAD)
    table.add_column("")
    table.add_column("number", justify="right")
    table.add_column("share", justify="right")
    for name, count, whole in _rows(found):
        share = f"{count / whole:.2%}" if whole else ""
        table.add_row(name, f"{count:,}", share)
    Console().print(table)
    batch = found.batch_size
    same, picture = "query's concept or caption", "picture"
    if any("target_" in name for name in found.contents):  # composed triplets
        same, picture = "whole query or its target", "target's picture"
    for name, rate in (
        (f"the {same} (training masks them)", found.negatives.masked),
        (f"its {picture}, but neither", found.negatives.left),
    ):
        say(
            f"of a query's {batch - 1:,} negatives in a batch of {batch:,}, {rate:.4%} share "
            f"{name}: {(batch - 1) * rate:.3g} of them"
        )
    for bad in found.bad[:_SHOWN]:
        reason = bad.reason if bad.reason.startswith(bad.place) else f"{bad.place}: {bad.reason}"
        say(f"bad: {reason}")
    if len(found.bad) > _SHOWN:
        say(f"and {len(found.bad) - _SHOWN} more; --json writes all")


def _rows(found: "Findings") -> list[tuple[str, int, int]]:
    """The name of each finding, its number, and of how many."""
    looked = found.looked_at
    contents = [
        ("image and caption", found.both, looked),
        ("image only", found.image_only, looked),
        ("caption only", found.text_only, looked),
    ]
    if not {*found.contents} <= {"image", "text", "image+text"}:
        contents = [(" and ".join(n.split("+")), c, looked) for n, c in found.contents.items()]
    return [
        *contents,
        ("bad: malformed or unreadable", len(found.bad), looked),
        ("  of these over the limit of pixels", found.huge, looked),
        ("pixels of the largest picture", found.largest, 0),
        ("with a caption of another sample", found.repeated_captions, looked),
        ("with the picture of another sample", found.repeated_images, looked),
        (f"captions over {found.max_tokens} tokens, cut", found.truncated, found.captions),
        ("captions of fewer than 3 letters", found.near_empty, found.captions),
        ("with a picture of an evaluation task", found.overlap_images, looked),
        ("with a caption of an evaluation task", found.overlap_captions, looked),
    ]
