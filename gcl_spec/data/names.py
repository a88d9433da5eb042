"""Names of keys and columns: which are known, which are read for another, which are not used."""

import difflib
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Any

from gcl_spec._words import escaped
from gcl_spec.errors import DataError

__all__ = [
    "CAPTIONS",
    "CONCEPT",
    "ID",
    "IMAGE",
    "NOT_FETCHED",
    "SPLITS",
    "VIDEO",
    "Field",
    "Names",
    "is_address",
    "listed",
    "plain",
    "shown",
    "split_of",
    "split_warning",
]

_SHOWN = 8
_LENGTH = 40  # the most letters of a name in a message
_NAMES = frozenset(("id", "concept", "from"))
_CLOSE = 0.75  # the least ratio of difflib at which a name may stand for another


@dataclass(frozen=True, slots=True)
class Field:
    """A part of a record, and the names by which people call it.

    Args:
        name: the name that the documentation gives.
        same: names that are read where `name` is missing, the first that is there.
        like: names that may mean the same; they are not read, but pointed out where it is missing.
    """

    name: str
    same: tuple[str, ...] = ()
    like: tuple[str, ...] = ()


_TITLES = ("title", "titel", "alt", "alt_text", "description", "sentence", "sentences", "prompt")
ID = Field("id", like=("key", "uid", "_id", "image_id", "name"))
IMAGE = Field(
    "image",
    (
        "images",
        "img",
        "image_path",
        "img_path",
        "image_file",
        "file_name",
        "filename",
        "filepath",
        "image_base64",
        "base64",
        "image_bytes",
    ),
    ("path", "file", "picture", "photo", "jpg", "jpeg", "png", "webp", "url", "image_url"),
)
VIDEO = Field("video", ("videos", "video_path", "clip", "mp4"), ("path", "file", "video_url"))
CAPTIONS = Field(
    "captions",
    ("caption", "text", "texts", "txt"),
    (*_TITLES, "content", "conversations", "messages"),
)
CONCEPT = Field("concept")
NOT_FETCHED = (
    "pictures are not fetched; download them, such as by img2dataset --output_format=webdataset"
)


_TRAINING = frozenset(("train", "training", "trainval", "trn", "trainset"))
_HELD_OUT = frozenset(("val", "valid", "validate", "validation", "valset", "minival"))
_HELD_OUT |= {"dev", "devel", "devset", "test", "testing", "testset", "testdev"}
_HELD_OUT |= {"eval", "evaluation", "holdout", "heldout"}
SPLITS = frozenset(("split", "splits", "partition", "subset"))
"""Names of columns that say of which split a row is, as `plain` writes them."""


def split_of(text: str) -> str:
    """The split that the words of a name say: "training", "held out" or "".

    >>> [split_of(text) for text in ("cc-train", "coco_val2017", "HoldOut", "mine")]
    ['training', 'held out', 'held out', '']
    """
    words = re.findall(r"[a-z]+", re.sub(r"(?<=[a-z])(?=[A-Z])", " ", text).lower())
    if _TRAINING & {*words}:
        return "training"
    pairs = {one + two for one, two in pairwise(words)}
    return "held out" if _HELD_OUT & {*words, *pairs} else ""


def split_warning(where: str, values: Mapping[str, int], unit: str) -> Iterator[str]:
    """A warning where rows say that they are of another split than training.

    Args:
        where: the file.
        values: the splits that rows say, with their number of rows.
        unit: what a row is, in the plural.
    """
    held = {value: count for value, count in values.items() if split_of(value) == "held out"}
    if held:
        names = listed(f"{shown(value)} ({count:,})" for value, count in held.items())
        yield (
            f"{where}: {sum(held.values()):,} {unit} say that they are of another split than "
            f"training, and are trained on: {names}; leave them out of the data"
        )


@lru_cache(10_000)
def plain(name: str) -> str:
    """A name without blanks at its ends, in small letters, with "_" between words.

    >>> plain(" Image-Path ")
    'image_path'
    """
    return re.sub(r"[\s\-.]+", "_", name.strip().casefold())


def is_address(name: str) -> bool:
    """Does a name say that there are addresses on the net?

    >>> is_address("image_URL"), is_address("curl")
    (True, False)
    """
    return not {"url", "urls", "uri", "link"}.isdisjoint(plain(name).split("_"))


def shown(name: object, most: int = _LENGTH) -> str:
    r"""A name as messages show it: in quotes, on one line, cut where it is long.

    >>> print(shown("caption\n"))
    'caption\n'
    """
    text = str(name)
    text = text[: most - 3] + "..." if len(text) > most else text
    return f"'{escaped(text)}'"


def listed(names: Iterable[str], most: int = _SHOWN) -> str:
    """Texts with commas between them, and how many more there are.

    >>> listed(["a", "b", "c"], most=2)
    'a, b and 1 more'
    """
    texts = list(names)
    more = f" and {len(texts) - most} more" if len(texts) > most else ""
    return ", ".join(texts[:most]) + more


class Names:
    """Reads records by the names of fields, and counts what it finds under other names.

    Args:
        fields: the fields that are known.
        unit: what a record is, in the plural, for messages.
        chosen: field to the one name that it is read by, such as by data.columns.
    """

    def __init__(
        self, fields: Sequence[Field], unit: str, chosen: Mapping[str, str] | None = None
    ) -> None:
        self._unit = unit
        self._chosen = dict(chosen or {})
        self._fields = {field.name: field for field in fields}
        self._ranks = {
            plain(name): (field.name, rank)
            for field in fields
            if field.name not in self._chosen
            for rank, name in enumerate((field.name, *field.same))
        }
        self._likely = {
            plain(name): field.name
            for field in reversed(fields)
            for name in (field.name, *field.same, *field.like)
        }
        self._guesses: dict[str, str | None] = dict(self._likely)
        self._words = {name for name, field in self._likely.items() if field not in _NAMES}
        self._read: Counter[tuple[str, str]] = Counter()
        self._unsure: Counter[tuple[str, str]] = Counter()
        self._unused: Counter[str] = Counter()
        self._met: Counter[str] = Counter()
        self._splits: Counter[str] = Counter()

    def take(self, record: Mapping[str, Any]) -> dict[str, Any]:
        """The values by the fields' own names; other keys are counted and left out."""
        values: dict[str, Any] = {}
        others: list[tuple[int, str]] = []
        for key, value in record.items():
            if key in self._fields and key not in self._chosen:
                values[key] = value
            else:
                others.append((self._ranks.get(plain(key), ("", len(self._ranks)))[1], key))
        for name, key in self._chosen.items():
            if key in record:
                values[name] = record[key]
                self._met[key] += 1
        kept = [key for _, key in sorted(others) if not self._takes(key, record[key], values)]
        for key in kept:
            if key not in self._chosen.values():
                self._count(key, record[key], values)
        return values

    def counts(self, most: int) -> list[list[str | int]]:
        """The counts of at most `most` names of each kind, which `add` takes."""
        rows: list[list[str | int]] = []
        for kind, counts in (("unused", self._unused), ("split", self._splits)):
            rows += [[kind, key, "", count] for key, count in counts.most_common(most)]
        for kind, counter in (("read", self._read), ("unsure", self._unsure)):
            rows += [[kind, key, field, n] for (key, field), n in counter.most_common(most)]
        return rows

    def add(self, counts: Iterable[Sequence[str | int]]) -> None:
        """Add the `counts` of another reader of names."""
        for kind, key, field, count in counts:
            if kind in ("unused", "split"):
                (self._unused if kind == "unused" else self._splits)[str(key)] += int(count)
            else:
                counter = self._read if kind == "read" else self._unsure
                counter[str(key), str(field)] += int(count)

    def check_chosen(self, where: str) -> None:
        """Raise a `DataError` for a chosen name that no record had."""
        for field, name in self._chosen.items():
            if not self._met[name]:
                there = listed(map(shown, sorted({*self._unused, *(k for k, _ in self._unsure)})))
                raise DataError(
                    f"{where}: no {shown(name)} in any of the {self._unit}, which data.columns "
                    f"names for {field!r}" + (f"; there are also {there}" if there else "")
                )

    def warnings(self, where: str) -> Iterator[str]:
        """A text for each name that is probably lost, or that should not be there."""
        yield from split_warning(where, self._splits, self._unit)
        yield from self.lost(where)

    def lost(self, where: str) -> Iterator[str]:
        """A text for each name whose values are probably lost."""
        for (key, field), count in self._unsure.items():
            yield (
                f"{where}: {shown(key)} of {count:,} {self._unit} is not a known name, and they "
                f"have no {field!r}; "
                + (NOT_FETCHED if is_address(key) else f"did you mean {field!r}?")
            )

    def notes(self, where: str) -> Iterator[str]:
        """Texts on names that are read for another, and on names that are not used."""
        for (key, field), count in self._read.items():
            yield f"{where}: {shown(key)} is read as {field!r} in {count:,} {self._unit}"
        if self._unused:
            names = listed(f"{shown(key)} ({count:,})" for key, count in self._unused.most_common())
            yield f"{where}: names that are not used, with their number of {self._unit}: {names}"

    def _takes(self, key: str, value: Any, values: dict[str, Any]) -> bool:
        """Is `key` read for a field that has nothing yet?"""
        field, _ = self._ranks.get(plain(key), ("", 0))
        if not field or _is_nothing(value) or not _is_nothing(values.get(field)):
            return False
        values[field] = value
        self._read[key, field] += 1
        return True

    def _count(self, key: str, value: Any, values: Mapping[str, Any]) -> None:
        if plain(key) in SPLITS and isinstance(value, str):
            self._splits[value] += 1
        field = self._guess(plain(key))
        lacks = field is not None and _is_nothing(values.get(field))
        if field is not None and lacks and isinstance(value, str | list | dict) and value:
            self._unsure[key, field] += 1
        else:
            self._unused[key] += 1

    def _guess(self, name: str) -> str | None:
        if name not in self._guesses:
            close = difflib.get_close_matches(name[:_LENGTH], list(self._likely), 1, _CLOSE)
            last = name.rpartition("_")[2]  # "caption" of long_caption
            close = close or [last] * (last in self._words)
            self._guesses[name] = self._likely[close[0]] if close else None
        return self._guesses[name]


def _is_nothing(value: Any) -> bool:
    """Is a value null, a blank text, or a list of nothing but such?"""
    if isinstance(value, list):
        return all(item is None or (isinstance(item, str) and not item.strip()) for item in value)
    return value is None or (isinstance(value, str) and not value.strip())
