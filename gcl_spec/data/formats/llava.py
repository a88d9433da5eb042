"""The json layout of LLaVA's pretraining data (LCS-558K): an array of conversations."""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from gcl_spec._files.reading import parse_json_at
from gcl_spec.data.embedded import EMBEDDED, embedded, is_embedded
from gcl_spec.data.formats.jsonl import check_malformed, read_text
from gcl_spec.data.names import CAPTIONS, CONCEPT, IMAGE, VIDEO, Field, Names, listed, shown
from gcl_spec.data.root import Root
from gcl_spec.data.sample import Sample, clean_captions, one_path
from gcl_spec.errors import DataError, EmptyDataError

__all__ = ["LlavaSource"]

_TOKEN = "<image>"
_FOLDER = "images"
# An entry says this of a picture: turns, or the captions themselves.
_SAID = Field(
    "conversations",
    ("conversation", "messages", CAPTIONS.name, *CAPTIONS.same),
    CAPTIONS.like,
)
_FIELDS = (Field("id"), IMAGE, _SAID, CONCEPT)
_TURN = (Field("from", ("role",), ("speaker",)), Field("value", ("content", "text")))
_ANSWERS = ("gpt", "assistant")
_OTHERS = ("human", "user", "system")


class LlavaSource:
    """A `Source` of {"id", "image"?: path, "conversations": [{"from", "value"}, ...]}.

    For a model of videos an entry may have "video", as LLaVA-Video's have.

    The caption is the first answer ("from": "gpt" or "assistant"), without `<image>`; turns may
    also be {"role", "content"}. An entry may have captions, as in train.jsonl, in the place of
    turns. Paths are relative to the folder of the pictures, or to `images` in it.
    """

    def __init__(
        self, root: Root, path: str, images: Root, given: Sequence[str] = ("image", "text")
    ) -> None:
        """Read the array; a `DataError` where it is none, or empty."""
        self.name = f"{root.name}: {path}"
        self._images = images
        # There is no object for each sample: half a million would be most of a process's memory.
        self._ids: list[str] = []
        self._paths: list[str | None] = []
        self._captions: list[str | None] = []
        self._concepts: dict[int, str] = {}
        self._videos: dict[int, str] = {}
        self._errors: dict[int, DataError] = {}
        reader = _Reader(self.name, (*_FIELDS, VIDEO) if VIDEO.name in given else _FIELDS)
        for number, record in enumerate(_records(self.name, read_text(root, path))):
            self._add(number, record, reader)
        if not self._ids:
            raise EmptyDataError(f"{self.name} holds no sample")
        self.warnings = tuple(reader.warnings())
        self.notes = tuple(reader.notes())
        if any(map(is_embedded, self._paths)):
            self.notes = (*self.notes, f"{self.name}: {EMBEDDED}")

    def __len__(self) -> int:
        return len(self._ids)

    def sample(self, number: int, /) -> Sample:
        """Sample `number`, from 0, without its picture (`Source.sample`).

        Raises:
            DataError: its row is malformed.
        """
        if number in self._errors:
            raise DataError(str(self._errors[number]))
        caption = self._captions[number]
        captions = () if caption is None else (caption,)
        concept = self._concepts.get(number) or caption or f"row {self.place(number)}"
        video = self._videos.get(number)
        return Sample.of_pair(self._ids[number], self._paths[number], captions, concept, video)

    def place(self, number: int, /) -> str:
        """The place of sample `number`, for messages (`Source.place`)."""
        return f"{self.name}[{number}]"

    def label(self, number: int, /) -> str:
        """The id of sample `number`, also of a malformed one (`Source.label`)."""
        return self._ids[number]

    def parts(self) -> Iterator[str]:
        """Texts that change where the samples do (`Source.parts`)."""
        rows = zip(self._ids, self._paths, self._captions, strict=True)
        for n, row in enumerate(rows):
            video = (self._videos[n],) if n in self._videos else ()
            yield "" if n in self._errors else repr((*row, *video))

    def read_bytes(self, reference: str, /) -> bytes:
        """The file of a picture, by its reference (`Source.read_bytes`)."""
        picture = embedded(reference)
        if picture is not None:
            return picture
        inner = f"{_FOLDER}/{reference}"
        if not self._images.exists(reference) and self._images.exists(inner):
            return self._images.read_bytes(inner)
        return self._images.read_bytes(reference)

    def _add(self, number: int, record: Any, reader: "_Reader") -> None:
        image, caption = None, None
        try:
            image, caption, concept, video = reader.parts(self.place(number), record)
            if video:
                self._videos[number] = video
            if concept:
                self._concepts[number] = concept
        except DataError as error:
            self._errors[number] = error.with_traceback(None)
            check_malformed(self.name, len(self._errors), number + 1, error)
        name = record.get("id") if isinstance(record, dict) else None
        self._ids.append(str(name) if isinstance(name, str | int) else str(number))
        self._paths.append(image)
        self._captions.append(caption)


class _Reader:
    """Takes entries apart, and counts what they hold beside what is read."""

    def __init__(self, where: str, fields: Sequence[Field]) -> None:
        self._where = where
        self._entries, self._turns = Names(fields, "entries"), Names(_TURN, "turns")
        self._unknown: Counter[str] = Counter()
        self._assistants = self._more = self._silent = 0

    def parts(self, place: str, record: Any) -> tuple[str | None, ...]:
        """Image, caption, concept and video of one entry; a `DataError` where it is malformed."""
        fields = self._entries.take(record) if isinstance(record, dict) else {}
        said = fields.get("conversations", [])
        is_turns = isinstance(said, list) and all(isinstance(turn, dict) for turn in said)
        is_text = isinstance(said, str | list | None) and not isinstance(record, list)
        if not isinstance(record, dict) or not (is_turns or is_text):
            raise DataError(
                f'{place}: wanted an object like {{"image": ..., "conversations": [...]}}'
            )
        concept = fields.get("concept")
        if concept is not None and not isinstance(concept, str):
            raise DataError(f"{place}: 'concept' must be a text")
        image = one_path(place, fields.get("image"))
        captions = clean_captions(place, self._answer(said) if is_turns else said)
        video = one_path(place, fields.get("video"), "video")
        if not image and not captions and not video:
            there = listed(map(shown, record))
            raise DataError(f"{place}: neither image nor answer; there are {there}")
        self._more += len(captions) > 1
        return image, captions[0] if captions else None, concept, video

    def _answer(self, said: list[dict[str, Any]]) -> Any:
        turns = [self._turns.take(turn) for turn in said]
        speakers = [str(turn.get("from")).strip().casefold() for turn in turns]
        answers = [n for n, name in enumerate(speakers) if name in _ANSWERS]
        if not answers:
            self._unknown.update(
                {str(turn.get("from")) for turn, name in zip(turns, speakers, strict=True)
                 if name not in _OTHERS}
            )  # fmt: skip
            self._silent += bool(turns)
            return None
        self._assistants += speakers[answers[0]] != _ANSWERS[0]
        self._more += len(answers) > 1
        said_first = _text(turns[answers[0]].get("value"))
        return said_first.replace(_TOKEN, "") if isinstance(said_first, str) else said_first

    def warnings(self) -> Iterator[str]:
        """Texts on what is probably lost."""
        yield from self._entries.warnings(self._where)
        yield from self._turns.warnings(self._where)
        if self._unknown:
            names = (f"{shown(name)} ({count:,})" for name, count in self._unknown.most_common())
            yield (
                f"{self._where}: entries without an answer by {' or '.join(map(repr, _ANSWERS))}, "
                f"but with turns by {listed(names)}; rename who answers to 'gpt'"
            )

    def notes(self) -> Iterator[str]:
        """Texts on what is read for something else, and on what is not used."""
        yield from self._entries.notes(self._where)
        yield from self._turns.notes(self._where)
        if self._assistants:
            yield f"{self._where}: turns by 'assistant' are read as answers: {self._assistants:,}"
        if self._silent:
            yield f"{self._where}: entries with turns, but without an answer: {self._silent:,}"
        if self._more:
            yield (
                f"{self._where}: {self._more:,} entries have several answers or captions; the "
                "first is read, the others are not used"
            )


def _text(value: Any) -> Any:
    """The texts of a turn's parts, {"type": "text", "text": ...}, in one, or the value itself."""
    if isinstance(value, list) and all(isinstance(part, dict) for part in value):
        return "\n".join(part["text"] for part in value if isinstance(part.get("text"), str))
    return value


def _records(name: str, text: str) -> Iterator[Any]:
    """The entries of a JSON array one by one, which are never all in memory as objects."""
    at = _skip(text, 0)
    if text[at : at + 1] != "[":
        raise DataError(
            f"{name}: wanted a JSON array of conversations, as in LLaVA-Pretrain, or of "
            f'{{"image": ..., "caption": ...}}{_other_layout(text, at)}'
        )
    at = _skip(text, at + 1)
    number = 0
    while text[at : at + 1] != "]":
        try:
            if number:
                if text[at : at + 1] != ",":
                    raise ValueError(f"no comma or end at character {at}")
                at = _skip(text, at + 1)
            record, at = parse_json_at(text, at)
        except ValueError as error:
            raise DataError(
                f"{name}: not JSON after {number} entries ({error}); is the file cut off?"
            ) from error
        yield record
        number += 1
        at = _skip(text, at)
    if _skip(text, at + 1) < len(text):
        raise DataError(
            f"{name}: not JSON: more text after the array's end, at character {at + 1}; is it two "
            "files in one?"
        )


def _other_layout(text: str, at: int) -> str:
    """The other layout of a file that begins with an object; "" where that cannot be known."""
    try:
        value, end = parse_json_at(text, at)
    except ValueError:
        return ""
    if text[_skip(text, end) :][:1] == "{":
        return "; it has many objects, as JSON lines do: give it a name that ends in .jsonl"
    if not isinstance(value, dict):
        return ""
    coco = {"images", "annotations"} <= value.keys()
    layout = "COCO's layout" if coco else "one object"
    return f"; it is {layout}, of {listed(map(shown, value))}: write an object a line as .jsonl"


def _skip(text: str, at: int) -> int:
    while text[at : at + 1] in (" ", "\n", "\r", "\t"):
        at += 1
    return at
