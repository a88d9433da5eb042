"""`gcl index`."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import click

from gcl_cli._index_shown import show_duplicates, show_index
from gcl_cli._json import write_json
from gcl_cli._options import (
    PATH,
    UserPath,
    allow_unverified_option,
    backend_option,
    device_option,
    json_option,
    set_option,
    step_option,
    store_option,
)
from gcl_cli.lines import say
from gcl_spec._files.atomic import check_writable
from gcl_spec.errors import ConfigError

if TYPE_CHECKING:
    from gcl_spec.index.build import Asked
    from gcl_spec.index.items import Added
    from gcl_spec.index.used import Used

__all__ = ["command"]

_SHOWN = 5


@click.command("index")
@click.argument("paths", type=UserPath(), nargs=-1, required=True, metavar="[RUN DATA | INDEX]")
@click.option("--out", type=PATH, metavar="INDEX", help="The index; made where there is none.")
@click.option(
    "--update",
    is_flag=True,
    help="Follow the data: also remove what is not there any "
    "more.  INDEX --update follows all of its data.",
)
@click.option(
    "--delete", "deleted", multiple=True, metavar="ID", help="Delete an item of INDEX; repeatable."
)
@click.option(
    "--check",
    is_flag=True,
    help="Say what is in INDEX, how it lies on the disk, and how good its approximate search is.",
)
@click.option("--duplicates", is_flag=True, help="List items of INDEX that are nearly equal.")
@click.option(
    "--least",
    type=click.FloatRange(0, 1, min_open=True),
    default=0.98,
    show_default=True,
    metavar="SCORE",
    help="The score from which on they are.",
)
@click.option(
    "--items",
    "kind",
    type=click.Choice(["pictures", "train", "tasks"]),
    help="What DATA is: pictures in a folder, training data, or candidates of tasks.  "
    "[default: as it looks]",
)
@click.option(
    "--benchmark",
    type=click.Choice(["beir", "covr", "mbeir", "mixbench", "mmeb"]),
    help="DATA is that of a published benchmark.",
)
@click.option("--prefix", default="", metavar="TEXT", help="Put this before each id.")
@click.option(
    "--calibration",
    "calibrations",
    multiple=True,
    metavar="NAME",
    help="Hold rows of a calibration, too, for `gcl search --calibration`; repeatable.",
)
@click.option(
    "--dtype",
    type=click.Choice(["float32", "float16", "int8", "binary"]),
    help="That of the vectors of a new index: numbers, a byte each, or a bit.  [default: float32]",
)
@click.option(
    "--rescore",
    type=click.Choice(["float32", "float16"]),
    help="Keep whole rows, too, beside int8 or binary, by which the best hits are scored.",
)
@click.option("--run", "moved", type=PATH, metavar="RUN", help="The run of INDEX, where it moved.")
@store_option(
    "Make a copy of INDEX on a Qdrant server, or bring it up to date; "
    "then: gcl search INDEX --store."
)
@json_option("Write what was added and removed, and why each item was left out.")
@set_option("Another option of data.* or eval.* than the run's; repeatable.")
@backend_option()
@step_option()
@device_option()
@allow_unverified_option()
def command(
    paths: tuple[str, ...],
    out: Path | None,
    update: bool,
    deleted: tuple[str, ...],
    check: bool,
    duplicates: bool,
    least: float,
    kind: str | None,
    benchmark: str | None,
    prefix: str,
    calibrations: tuple[str, ...],
    dtype: str | None,
    rescore: str | None,
    moved: Path | None,
    store: str | None,
    json_path: Path | None,
    overrides: tuple[str, ...],
    backend: str,
    step: str,
    device: str | None,
    allow_unverified: bool,
) -> None:
    """Index your own pictures, texts and pairs, then search them: gcl search.

    \b
    gcl index runs/lite-gcl ~/Pictures --out pictures    then: gcl search pictures --text "a dog"
    gcl index runs/lite-gcl ~/Pictures --out pictures --update    after files have changed
    gcl index pictures --check

    DATA is a folder of pictures (a caption lies beside its picture, as cat.txt or cat.json beside
    cat.jpg; a text alone is an item, too), or what `gcl train` reads, or what `gcl embed` wrote.
    An item has an id, by default its path: adding the same again changes nothing, adding another
    content replaces it. What cannot be read is counted and listed. The same command goes on after
    Ctrl-C or a kill, which lose at most the last 2,048 items.
    """
    from gcl_spec.index.build import Asked
    from gcl_spec.index.used import Used

    _check_overrides(overrides)
    used = Used(backend, device, step, allow_unverified, overrides)
    if len(paths) == 2 and not (check or duplicates or deleted or store):
        asked = Asked(paths[1], kind, benchmark or "", prefix, update)
        _add(Path(paths[0]), asked, out, used, (dtype, rescore), calibrations, json_path)
        return
    if len(paths) != 1 or out is not None:
        raise ConfigError("give RUN DATA --out INDEX, or INDEX alone with what is to be done")
    if json_path is not None and not update:
        raise ConfigError("--json is for what is added, or followed with --update")
    wanted = _Wanted(deleted, update, least if duplicates else None, store, check)
    _tend(Path(paths[0]), wanted, moved, used, json_path)


class _Wanted(NamedTuple):
    """What is to be done with an index that is there, in the order in which it is done."""

    deleted: Sequence[str]
    update: bool
    least: float | None
    """The score of duplicates, where they are asked for."""
    store: str | None
    check: bool


def _tend(
    index: Path, wanted: _Wanted, moved: Path | None, used: "Used", json_path: Path | None
) -> None:
    """Do what is wanted with an index that is there; show it where nothing else is wanted."""
    if wanted.deleted:
        _delete(index, wanted.deleted)
    if wanted.update:
        check_writable(json_path)
        _tell(_follow(index, moved, used), json_path)
    if wanted.least is not None:
        show_duplicates(index, wanted.least)
    if wanted.store is not None:
        _publish(index, wanted.store)
    changes = wanted.deleted or wanted.update or wanted.store is not None
    if wanted.check or not (changes or wanted.least is not None):
        show_index(index, measure=wanted.check)


def _check_overrides(overrides: Sequence[str]) -> None:
    for override in overrides:
        if not override.startswith(("data.", "eval.")):
            raise ConfigError(
                f"--set {override:.200}: only options of data.* and eval.* apply here"
            )


def _add(
    run: Path,
    asked: "Asked",
    out: Path | None,
    used: "Used",
    form: tuple[str | None, str | None],
    calibrations: Sequence[str],
    json_path: Path | None,
) -> None:
    """Add the items that are asked for to an index, and say what was done."""
    from gcl_spec.index.build import add_data
    from gcl_spec.progress import open_progress

    if out is None:
        raise ConfigError("name the index: gcl index RUN DATA --out INDEX")
    check_writable(json_path)
    with open_progress() as reporter:
        done = add_data(
            run, asked, out, used, reporter, dtype=form[0], rescore=form[1],
            calibrations=calibrations,
        )  # fmt: skip
    _tell([done], json_path)
    show_index(out, measure=False)


def _follow(index: Path, run: Path | None, used: "Used") -> Iterator["Added"]:
    from gcl_spec.index.build import follow
    from gcl_spec.progress import open_progress

    with open_progress() as reporter:
        yield from follow(run, index, used, reporter)


def _tell(places: Iterable["Added"], json_path: Path | None) -> None:
    """Say what was done with the items of each place, and write it all."""
    records = []
    try:
        for done in places:
            records.append({**done.counts(), "absent": done.absent})
            _say_done(done)
    finally:  # a place that is away comes after the others
        write_json(json_path, {"places": records})


def _delete(index: Path, ids: Sequence[str]) -> None:
    from gcl_spec.index.writing import delete

    count = delete(index, ids)
    say(f"{count:,} of {len(ids):,} ids deleted")


def _publish(index: Path, store: str) -> None:
    from gcl_spec.index.about import read_about
    from gcl_spec.index.qdrant import publish
    from gcl_spec.index.store import parse_store
    from gcl_spec.index.table import open_table
    from gcl_spec.progress import open_progress

    address, about = parse_store(store), read_about(index)
    with open_progress() as reporter:
        done = publish(open_table(index, about), about, address, reporter)
    counts = f"{done.written:,} written, {done.same:,} unchanged, {done.removed:,} removed"
    say(f"{counts}: {address}")


def _say_done(done: "Added") -> None:
    counts = [f"{n:,} {what}" for what, n in done.counts().items() if n]
    say(", ".join(counts))
    for name, why in list(done.absent.items())[:_SHOWN]:
        say(f"  left out: {name}: {why}", err=True)
    if len(done.absent) > _SHOWN:
        say(f"  left out: {len(done.absent) - _SHOWN:,} more; --json FILE has all", err=True)
