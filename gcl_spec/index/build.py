"""Makes an index of what a user names, or follows what has changed there."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from gcl_spec._files.reading import is_file
from gcl_spec.embed.manifest import MANIFEST
from gcl_spec.errors import ConfigError, DataError, StoppedError
from gcl_spec.index.about import ABOUT, About, read_about
from gcl_spec.index.adding import Adding
from gcl_spec.index.coding import Codes
from gcl_spec.index.embedded import embedded_items
from gcl_spec.index.folder import FolderListing
from gcl_spec.index.form import Form, chosen_form
from gcl_spec.index.given import FILES
from gcl_spec.index.items import Added, Items
from gcl_spec.index.model import Model, load_model, model_of
from gcl_spec.index.sources import items_of, origin_of
from gcl_spec.index.used import Used
from gcl_spec.progress import Reporter

__all__ = ["Asked", "add_data", "follow"]


class Asked(NamedTuple):
    """What is added, and how.

    data: as in `data.path`, a folder of pictures, or one that `gcl embed` wrote.
    kind: of `gcl_spec.index.sources.KINDS`, or None. benchmark: the format of tasks, or "".
    prefix: stands before each id. update: remove what is not there any more.
    """

    data: str
    kind: str | None = None
    benchmark: str = ""
    prefix: str = ""
    update: bool = False


def add_data(
    run: Path | None,
    asked: Asked,
    out: Path,
    used: Used,
    reporter: Reporter,
    *,
    dtype: str | None = None,
    rescore: str | None = None,
    calibrations: Sequence[str] = (),
) -> Added:
    """Add the items of data to the index `out`, which is made where there is none.

    Args:
        run: the folder of the run; None: where it was when the index was made.
        asked: what is added.
        out: the index.
        used: how the run is used.
        reporter: hears of progress, and of what is noteworthy.
        dtype: that of the vectors of a new index, "float32", "float16", "int8" or "binary"; None:
            float32.
        rescore: the dtype of whole rows beside int8 or binary codes; None: there are none.
        calibrations: the names of those whose rows a new index has, too.

    Raises:
        StoppedError: Ctrl-C; what was committed stays.
        GclError: the data, the run or the index cannot be used; the index is as before, or has
            whole commits more.
    """
    about = read_about(out) if is_file(out / ABOUT) else None
    form = chosen_form(about, out, dtype, rescore)
    model = _model(run, about, out, used, form, calibrations)
    if is_file(Path(asked.data) / MANIFEST):
        items = embedded_items(Path(asked.data), model, asked.prefix)
    else:
        origin = origin_of(
            asked.data,
            asked.kind,
            model.config.data,
            benchmark=asked.benchmark,
            prefix=asked.prefix,
        )
        items = items_of(origin, model.config)
    return _added(out, model, items, reporter, update=asked.update, codes=form.codes)


def follow(run: Path | None, out: Path, used: Used, reporter: Reporter) -> Iterator[Added]:
    """Update an index from all places that its items came from, and tell what was done, in turn.

    Args:
        run: the folder of the run; None: where it was when the index was made.
        out: the index.
        used: how the run is used.
        reporter: hears of progress, and of what is noteworthy.

    Raises:
        StoppedError: Ctrl-C; what was committed stays.
        DataError: a place is not there any more, or is empty, such as a disk that is away; its
            items stay, and the other places were followed.
    """
    about = read_about(out)
    model = _model(run, about, out, used, Form(about.maker.dtype, about.codes), ())
    places = [origin for origin in about.origins if origin != FILES]
    if not places:
        raise DataError(f"{out} has items of programs alone, which no folder tells of")
    missed: list[DataError] = []
    for origin in places:
        try:
            yield _added(out, model, items_of(origin, model.config), reporter, update=True)
        except DataError as error:
            missed.append(error)
    if missed:
        more = f"; so do those of {len(missed) - 1} other places" if len(missed) > 1 else ""
        raise DataError(f"{missed[0]}; its items stay, as they were{more}") from missed[0]


def _model(
    run: Path | None,
    about: About | None,
    out: Path,
    used: Used,
    form: Form,
    calibrations: Sequence[str],
) -> Model:
    if about is None:
        if run is None:
            raise ConfigError(
                f"{out} is no index yet; name the run: gcl index RUN DATA --out {out}"
            )
        model = load_model(run, used, dtype=form.dtype, calibrations=calibrations)
        _refuse_appended(model, form)
        return model
    names = tuple(about.calibrations)
    if calibrations and tuple(calibrations) != names:
        raise ConfigError(
            f"{out} was made with calibration {', '.join(names) or 'none'}, not "
            f"{', '.join(calibrations)}; make another index for others"
        )
    return model_of(about, out, run, used)


def _refuse_appended(model: Model, form: Form) -> None:
    """Refuse calibrations that append numbers, which codes do not hold."""
    for name, chain in model.calibrations.items():
        if form.codes is not None and chain.appended:
            raise ConfigError(
                f"the calibration {name} appends numbers to rows, which {form.codes.form} codes do "
                "not hold; take one that does not, such as cfu or mean"
            )


def _added(
    out: Path,
    model: Model,
    items: Items,
    reporter: Reporter,
    *,
    update: bool,
    codes: Codes | None = None,
) -> Added:
    for note in items.notes:
        reporter.say(f"note: {note}")
    adding = Adding(out, model, items, reporter, codes=codes)
    try:
        done = adding.run(update=update)
    except KeyboardInterrupt:
        there = adding.done.added + adding.done.replaced
        raise StoppedError(
            f"stopped; {there:,} items were added to {out}, and the same command goes on",
            resumable=True,
        ) from None
    for note in items.listing.notes() if isinstance(items.listing, FolderListing) else ():
        reporter.say(f"note: {note}")
    return done
