"""A query or a candidate of a search."""

from dataclasses import dataclass
from typing import Any

__all__ = ["Item"]


@dataclass(frozen=True, slots=True, init=False)
class Item:
    """A query or a candidate: an image (a path under the data's root), a text, or several parts.

    >>> Item("1", text="a dog", image="dog.png") == Item("1", "dog.png", "a dog")
    True
    >>> Item("2", audio="bark.wav", text="a dog").modality
    'audio+text'
    """

    id: str
    content: tuple[tuple[str, str], ...]
    """The given modalities that the item has, each with its text or reference, ordered by name."""

    def __init__(
        self, id: str, image: str | None = None, text: str | None = None, **others: str | None
    ) -> None:
        parts = {"image": image, "text": text, **others}
        known = sorted((name, value) for name, value in parts.items() if value is not None)
        object.__setattr__(self, "id", id)
        object.__setattr__(self, "content", tuple(known))

    def get(self, modality: str) -> str | None:
        """Its text, or the reference of its part of a given modality; None where it has none."""
        return dict(self.content).get(modality)

    @property
    def image(self) -> str | None:
        """The path of its picture."""
        return self.get("image")

    @property
    def text(self) -> str | None:
        """Its text."""
        return self.get("text")

    @property
    def modality(self) -> str:
        """The names of its parts in alphabetical order, such as "text" or "image+text"."""
        return "+".join(name for name, _ in self.content)

    def renamed(self, id: str) -> "Item":
        """The same content under another id."""
        return Item(id, **dict(self.content))

    def to_json(self) -> dict[str, Any]:
        """The id and the parts by name; `Item(**...)` of it gives the item back."""
        return {"id": self.id, **dict(self.content)}
