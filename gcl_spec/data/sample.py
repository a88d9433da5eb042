"""Training samples: a picture and its captions, or other parts by modality."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeVar

from gcl_spec._files.reading import parse_json
from gcl_spec.config.user_paths import is_text
from gcl_spec.data.names import CAPTIONS, CONCEPT, ID, IMAGE
from gcl_spec.errors import DataError
from gcl_spec.loss.two_sided import target_name

__all__ = [
    "FIELDS",
    "FILES",
    "BadSample",
    "Sample",
    "as_id",
    "clean_captions",
    "one_path",
    "row_unless_malformed",
    "sample_of",
]

_LARGEST = 2**64
_LISTS = ('["', "['")
FIELDS = (ID, IMAGE, CAPTIONS, CONCEPT)
FILES = ("image", "video")
"""The modalities whose parts are references to files."""


@dataclass(frozen=True, slots=True)
class Sample:
    """Parts that belong together, by modality; samples of one concept are not negatives.

    id: its name.
    given: texts, or references to what the source holds, by modality: one of them or several, such
        as the captions of a picture, of which a batch draws one. It has no entry for what it lacks.
    concept: a text on what it shows, which tells it from other samples.
    """

    id: str
    given: Mapping[str, tuple[str, ...]]
    concept: str

    @classmethod
    def of_pair(
        cls,
        id: str,
        image: str | None,
        captions: tuple[str, ...],
        concept: str,
        video: str | None = None,
    ) -> "Sample":
        """One picture or video, or both or none, with its captions."""
        given: dict[str, tuple[str, ...]] = {"image": () if image is None else (image,)}
        given |= {"text": captions, "video": () if video is None else (video,)}
        return cls(id, {name: parts for name, parts in given.items() if parts}, concept)

    @property
    def image(self) -> str | None:
        """The path of its picture, or another reference to it."""
        return next(iter(self.given.get("image", ())), None)

    @property
    def pictures(self) -> tuple[str, ...]:
        """References to all of its pictures: its own, and that of its target where it has one."""
        return self.files("image")

    def files(self, modality: str) -> tuple[str, ...]:
        """References to its own files of a modality, and to those of its target."""
        return (*self.given.get(modality, ()), *self.given.get(target_name(modality), ()))

    @property
    def all_files(self) -> tuple[str, ...]:
        """References to all of its pictures and videos, and to those of its target."""
        return tuple(file for name in FILES for file in self.files(name))

    @property
    def captions(self) -> tuple[str, ...]:
        """Its texts."""
        return self.given.get("text", ())

    @property
    def texts(self) -> tuple[str, ...]:
        """All of its texts: its own, and that of its target where it has one."""
        return (*self.captions, *self.given.get(target_name("text"), ()))


@dataclass(frozen=True, slots=True)
class BadSample:
    """A malformed row, or one whose picture cannot be read; `id` is "" where the row has none."""

    id: str
    place: str
    reason: str


_Row = TypeVar("_Row")


def row_unless_malformed(row: _Row | DataError) -> _Row:
    """What a source has read in a row.

    Raises:
        DataError: the row is malformed. The error is a new one, since several threads may ask, and
            what is raised grows by the places that it comes through.
    """
    if isinstance(row, DataError):
        raise DataError(str(row))
    return row


def sample_of(place: str, record: dict[str, object]) -> Sample:
    """The sample of one line, by the names of `FIELDS`.

    Raises:
        DataError: the line is malformed; the message begins with `place`.
    """
    name, concept = record.get("id"), record.get("concept")
    video = one_path(place, record.get("video"), "video")
    name = as_id(name)
    if not isinstance(name, str) or not name:
        raise DataError(
            f"{place}: 'id' must be a text or an integer, another one on each line; a key of "
            "another name is chosen by data.columns.id"
        )
    image = one_path(place, record.get("image"))
    captions = clean_captions(place, record.get("captions"))
    if concept is not None and not isinstance(concept, str):
        raise DataError(f"{place}: 'concept' must be a text")
    if not image and not captions and not video:
        raise DataError(f"{place}: neither image nor captions")
    fallback = captions[0] if captions else name
    return Sample.of_pair(name, image, captions, concept or fallback, video)


def as_id(value: object) -> object:
    """An integer as text, since ids are compared as texts; anything else as it is.

    >>> as_id(7), as_id("7"), as_id(True)
    ('7', '7', True)
    """
    # Python refuses to write integers of thousands of digits.
    return str(value) if type(value) is int and abs(value) < _LARGEST else value


def one_path(place: str, value: object, kind: str = "image") -> str | None:
    """The one path in a value: a text, a list of one, or {"path", "bytes"} of Hugging Face's sets.

    It is None for nothing; `bytes` is taken where it is text, which is base64.

    Args:
        place: where it stands, for errors.
        value: the value.
        kind: "image" or "video".

    Raises:
        DataError: something else, or several pictures.
    """
    if isinstance(value, list) and len(value) < 2:
        value = value[0] if value else None
    if isinstance(value, list):
        raise DataError(f"{place}: {len(value)} {kind}s; a sample has one")
    if isinstance(value, dict) and not value.keys().isdisjoint(("path", "bytes")):
        value = value.get("bytes") or value.get("path")
    if value is not None and not isinstance(value, str):
        raise DataError(f"{place}: {kind!r} must be a path relative to the data")
    return value or None


def clean_captions(place: str, value: object) -> tuple[str, ...]:
    """The captions in a text, a list of texts, or a JSON list as text, without blank ones.

    >>> clean_captions("row 1", ["a dog ", "", None])
    ('a dog',)

    Raises:
        DataError: something else, or half a surrogate pair, which no tokenizer takes.
    """
    captions = []
    for text in value if isinstance(value, list | tuple) else (value,):
        if text is None:
            continue
        if not isinstance(text, str) or not (text.isascii() or is_text(text)):
            raise DataError(f"{place}: captions must be texts, not {text!r:.80}")
        clean = text.strip()
        if clean.startswith(_LISTS) and clean.endswith("]"):
            captions += _of_list(place, clean)
        elif clean:
            captions.append(clean)
    return tuple(captions)


def _of_list(place: str, text: str) -> list[str]:
    """The captions of a JSON list in a text, as tables have it; a `DataError` for Python's lists.

    >>> _of_list("row 1", '["a dog", " "]'), _of_list("row 1", '["A sign", it says]')
    (['a dog'], ['["A sign", it says]'])
    """
    try:
        entries = parse_json(text)
    except ValueError:
        if not text.startswith("['") or not text.endswith(("']", '"]')):
            return [text]
        raise DataError(
            f"{place}: captions in Python's notation, {text!r:.80}; write them as JSON does, such "
            'as ["a dog", "a pup"]'
        ) from None
    if not all(isinstance(item, str) and is_text(item) for item in entries):
        return [text]
    return [item.strip() for item in entries if item.strip()]
