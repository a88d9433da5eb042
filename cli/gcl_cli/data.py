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
        findings = check_data(config, sample=sample, seed=seed, reporter=reporter)
    problems = findings.problems(config.data.max_bad)
    write_json(json_path, {**findings.to_json(), "problems": problems}, indent=1)
    _show(findings)
    for note in findings.notes:
        say(f"note: {note}")
    for problem in problems:
        say(f"to mend: {problem}")
    if problems:
        raise SystemExit(1)
    say("nothing must be mended")


def _show(findings: "Findings") -> None:
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table

    say(f"{findings.looked_at:,} of {findings.samples:,} samples of {findings.name}")
    table = Table(box=SIMPLE_HEAD)
    table.add_column("")
    table.add_column("number", justify="right")
    table.add_column("share", justify="right")
    for name, count, whole in _rows(findings):
        share = f"{count / whole:.2%}" if whole else ""
        table.add_row(name, f"{count:,}", share)
    Console().print(table)
    batch = findings.batch_size
    same, picture = "query's concept or caption", "picture"
    if any("target_" in name for name in findings.contents):  # composed triplets
        same, picture = "whole query or its target", "target's picture"
    for name, rate in (
        (f"the {same} (training masks them)", findings.negatives.masked),
        (f"its {picture}, but neither", findings.negatives.left),
    ):
        say(
            f"of a query's {batch - 1:,} negatives in a batch of {batch:,}, {rate:.4%} share "
            f"{name}: {(batch - 1) * rate:.3g} of them"
        )
    for bad in findings.bad[:_SHOWN]:
        reason = bad.reason if bad.reason.startswith(bad.place) else f"{bad.place}: {bad.reason}"
        say(f"bad: {reason}")
    if len(findings.bad) > _SHOWN:
        say(f"and {len(findings.bad) - _SHOWN} more; --json writes all")


def _rows(findings: "Findings") -> list[tuple[str, int, int]]:
    """The name of each finding, its number, and of how many."""
    looked = findings.looked_at
    contents = [
        ("image and caption", findings.both, looked),
        ("image only", findings.image_only, looked),
        ("caption only", findings.text_only, looked),
    ]
    if not {*findings.contents} <= {"image", "text", "image+text"}:
        contents = [(" and ".join(n.split("+")), c, looked) for n, c in findings.contents.items()]
    return [
        *contents,
        ("bad: malformed or unreadable", len(findings.bad), looked),
        ("  of these over the limit of pixels", findings.huge, looked),
        ("pixels of the largest picture", findings.largest, 0),
        ("with a caption of another sample", findings.repeated_captions, looked),
        ("with the picture of another sample", findings.repeated_images, looked),
        (f"captions over {findings.max_tokens} tokens, cut", findings.truncated, findings.captions),
        ("captions of fewer than 3 letters", findings.near_empty, findings.captions),
        ("with a picture of an evaluation task", findings.overlap_images, looked),
        ("with a caption of an evaluation task", findings.overlap_captions, looked),
    ]
