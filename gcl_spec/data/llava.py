"""The json layout of LLaVA's pretraining data (LCS-558K): an array of conversations."""

import json
from collections.abc import Iterator
from typing import Any

from gcl_spec.data.jsonl import read_text
from gcl_spec.data.pairs import Sample, clean_captions
from gcl_spec.data.root import Root
from gcl_spec.errors import DataError

__all__ = ["LlavaSource"]

_TOKEN = "<image>"
_FOLDER = "images"


class LlavaSource:
    """A `Source` of {"id", "image"?: path, "conversations": [{"from", "value"}, ...]}.

    The caption is the first answer ("from": "gpt"), without `<image>`. Paths are relative to the
    folder of the pictures, or to `images` in it.
    """

    def __init__(self, root: Root, path: str, images: Root) -> None:
        """Read the array; `DataError` where it is none, or empty."""
        self.name = f"{root.name}: {path}"
        self.warnings: tuple[str, ...] = ()
        self._images = images
        # Not one object a sample: half a million of them are most of a process's memory.
        self._ids: list[str] = []
        self._paths: list[str | None] = []
        self._captions: list[str | None] = []
        self._errors: dict[int, DataError] = {}
        for number, record in enumerate(_records(self.name, read_text(root, path))):
            self._add(number, record)
        if not self._ids:
            raise DataError(f"{self.name} holds no sample")

    def __len__(self) -> int:
        return len(self._ids)

    def sample(self, number: int, /) -> Sample:
        """See `Source`."""
        if number in self._errors:
            raise DataError(str(self._errors[number]))
        caption = self._captions[number]
        captions = () if caption is None else (caption,)
        concept = caption or f"row {self.place(number)}"
        return Sample(self._ids[number], self._paths[number], captions, concept)

    def place(self, number: int, /) -> str:
        """See `Source`."""
        return f"{self.name}[{number}]"

    def label(self, number: int, /) -> str:
        """See `Source`."""
        return self._ids[number]

    def parts(self) -> Iterator[str]:
        """See `Source`."""
        rows = zip(self._ids, self._paths, self._captions, strict=True)
        return ("" if n in self._errors else repr(row) for n, row in enumerate(rows))

    def read_bytes(self, reference: str, /) -> bytes:
        """See `Source`."""
        inner = f"{_FOLDER}/{reference}"
        if not self._images.exists(reference) and self._images.exists(inner):
            return self._images.read_bytes(inner)
        return self._images.read_bytes(reference)

    def _add(self, number: int, record: Any) -> None:
        image, caption = None, None
        try:
            image, caption = _parts(self.place(number), record)
        except DataError as error:
            self._errors[number] = error
        name = record.get("id") if isinstance(record, dict) else None
        self._ids.append(str(name) if isinstance(name, str | int) else str(number))
        self._paths.append(image)
        self._captions.append(caption)


def _parts(place: str, record: Any) -> tuple[str | None, str | None]:
    """Path and caption of one record."""
    turns = record.get("conversations", []) if isinstance(record, dict) else None
    if not isinstance(turns, list) or not all(isinstance(turn, dict) for turn in turns):
        raise DataError(f'{place}: wanted an object like {{"image": ..., "conversations": [...]}}')
    image = record.get("image")
    if image is not None and not isinstance(image, str):
        raise DataError(f"{place}: 'image' must be a path")
    said = next((turn.get("value") for turn in turns if turn.get("from") == "gpt"), None)
    if isinstance(said, str):
        said = said.replace(_TOKEN, "")
    captions = clean_captions(place, said)
    if not image and not captions:
        raise DataError(f"{place}: neither image nor answer")
    return image or None, captions[0] if captions else None


def _records(name: str, text: str) -> Iterator[Any]:
    """The entries of a JSON array one by one, never all at once as objects."""
    decoder = json.JSONDecoder()
    at = _skip(text, 0)
    if text[at : at + 1] != "[":
        raise DataError(f"{name}: wanted a JSON array of conversations, as in LLaVA-Pretrain")
    at = _skip(text, at + 1)
    number = 0
    while text[at : at + 1] != "]":
        try:
            if number:
                if text[at : at + 1] != ",":
                    raise ValueError(f"no comma or end at character {at}")
                at = _skip(text, at + 1)
            record, at = decoder.raw_decode(text, at)
        except (ValueError, RecursionError) as error:
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


def _skip(text: str, at: int) -> int:
    while text[at : at + 1] in (" ", "\n", "\r", "\t"):
        at += 1
    return at
