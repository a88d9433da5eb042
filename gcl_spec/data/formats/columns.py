"""Finds the columns of a table, or arrays of an npz file, that are pictures, captions and names."""

import difflib
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from gcl_spec.config.options import ColumnsConfig
from gcl_spec.data.names import (
    CAPTIONS,
    IMAGE,
    NOT_FETCHED,
    VIDEO,
    is_address,
    listed,
    plain,
    shown,
)
from gcl_spec.errors import DataError

__all__ = ["Columns", "find_columns"]

_CLOSE = 0.75
_SAME = {
    **{"image": IMAGE.same, "video": VIDEO.same, "id": ("ids",)},
    "text": ("text", "captions", "texts", "txt"),
}
_LIKE = {"image": IMAGE.like, "text": CAPTIONS.like}
_OTHER_WORDS = frozenset(("id", "ids", "width", "height", "size", "hash", "sha256", "md5", "mask"))
_WHAT = {"image": "picture", "text": "caption"}


@dataclass(frozen=True, slots=True)
class Columns:
    """The names of columns, None where there is none, with the texts of a `Source`."""

    image: str | None
    text: str | None
    id: str | None
    concept: str | None
    others: Mapping[str, str]
    """The columns of further modalities, such as "video", by modality."""
    warnings: tuple[str, ...]
    notes: tuple[str, ...]


def find_columns(
    where: str,
    names: Sequence[str],
    options: ColumnsConfig,
    *,
    unit: str = "columns",
    known: Collection[str] = (),
    has_concepts: bool = True,
    more: Mapping[str, Sequence[str]] | None = None,
    given: Sequence[str] = ("image", "text"),
) -> Columns:
    """The columns that are read: those of the options, or else the nearest of a known name.

    Args:
        where: the file, for messages.
        names: all columns.
        options: the options data.columns.
        unit: the word for columns there, in the plural.
        known: other names that are read.
        has_concepts: is a column `concept` read?
        more: further names that are read for "image" or "text".
        given: the modalities that are read; those beside "image" and "text" are vectors, or videos.

    Raises:
        DataError: a column that `options` names on purpose is missing, or there are neither
            pictures nor captions.
    """
    _check_chosen(where, names, options, unit)
    usual = {"image": options.image, "text": options.text, "id": options.id}
    usual = {option: name for option, name in usual.items() if option in (*given, "id")}
    chosen = _usual_columns(names, usual, options, more or {})
    further = {name: options.others.get(name, name) for name in given if name not in usual}
    others = {option: _further(names, option, name) for option, name in further.items()}
    if not any(chosen.get(option, others.get(option)) for option in given):
        wanted = [shown({**usual, **further}[option]) for option in given]
        raise DataError(
            f"{where}: no {' or '.join(wanted)} among its {unit}; there are "
            f"{listed(map(shown, names), 20)}; choose with --set {_choices(given)}"
        )
    chosen["concept"] = _find(names, ("concept",)) if has_concepts else None
    used = {*chosen.values(), *others.values(), *known}
    unused = [name for name in dict.fromkeys(names) if name not in used]
    warnings = [
        _lost(where, option, usual[option], unused, unit)
        for option in ("image", "text")
        if option in given and chosen[option] is None
    ]
    return Columns(
        **{option: chosen.get(option) for option in ("image", "text", "id", "concept")},
        others={option: name for option, name in others.items() if name is not None},
        warnings=tuple(filter(None, warnings)),
        notes=tuple(_notes(where, usual, chosen, unused, unit)),
    )


def _usual_columns(
    names: Sequence[str],
    usual: Mapping[str, str],
    options: ColumnsConfig,
    more: Mapping[str, Sequence[str]],
) -> dict[str, str | None]:
    """The columns of the usual options, each column for one option; None where there is none."""
    chosen: dict[str, str | None] = {}
    for option, name in usual.items():
        same = (*_SAME[option], *more.get(option, ()))
        same = same if option not in options.chosen() else ()
        taken = {x for x in chosen.values() if x is not None}
        chosen[option] = _find([x for x in names if x not in taken], (name, *same))
    return chosen


def _notes(
    where: str,
    usual: Mapping[str, str],
    chosen: Mapping[str, str | None],
    unused: Sequence[str],
    unit: str,
) -> Iterator[str]:
    """Lines on columns that are read under another name, and on those that are not used."""
    documented = ("text",) if unit == "arrays" else ()
    for option, name in (*usual.items(), ("concept", "concept")):
        column = chosen[option]
        if column is not None and column != name and column not in documented:
            yield f"{where}: {shown(column)} is read as {shown(name)}"
    if unused:
        yield f"{where}: {unit} that are not used: {listed(map(shown, unused), 20)}"


def _check_chosen(where: str, names: Sequence[str], options: ColumnsConfig, unit: str) -> None:
    """Raise `DataError` for a column that an option names on purpose and that is missing."""
    there = listed(map(shown, names), 20)
    for option, name in options.chosen().items():
        if name not in names:
            raise DataError(
                f"{where}: no {shown(name)}, which data.columns.{option} names; its {unit} are "
                f"{there}"
            )


def _choices(given: Sequence[str]) -> str:
    """The options that choose columns, such as "data.columns.image=NAME and .text=NAME"."""
    options = [name if name in ("image", "text") else f"others.{name}" for name in given]
    return "data.columns" + " and ".join(f".{option}=NAME" for option in options)


def _find(names: Sequence[str], wanted: Sequence[str]) -> str | None:
    """The first wanted name among the names, or one that differs in blanks and capitals alone."""
    exact = [name for name in wanted if name in names]
    near = [name for want in wanted for name in names if plain(name) == plain(want)]
    return next(iter((*exact, *near)), None)


def _further(names: Sequence[str], modality: str, name: str) -> str | None:
    """The column of a further modality, by its name, or by a known one where none was chosen."""
    return _find(names, (name, *(_SAME.get(modality, ()) if modality == name else ())))


def _lost(where: str, option: str, name: str, unused: Sequence[str], unit: str) -> str:
    """A warning where one of the unused columns may be the one that is missing, else ""."""
    likely = {plain(x) for x in (name, *_SAME[option], *_LIKE[option])}
    for other in unused:
        words = plain(other).split("_")
        close = difflib.get_close_matches(plain(other), list(likely), 1, _CLOSE)
        close += likely & set(words)
        if close and not _OTHER_WORDS & set(words):
            meant = f"did you mean --set data.columns.{option}={other}?"
            return (
                f"{where}: no {_WHAT[option]} in any row: {shown(name)} is not among its {unit}; "
                + (f"{shown(other)} is there: {NOT_FETCHED}" if is_address(other) else meant)
            )
    return ""
