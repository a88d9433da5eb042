"""Pictures that are the same file under several names."""

from gcl_spec.errors import DataError
from gcl_spec.run.picture_copies import without_copies
from gcl_spec.tasks.concepts import Concept
from gcl_spec.tasks.item import Item

FILES = {"a.png": b"1", "a-copy.png": b"1", "b.png": b"2", "c.png": b"1"}


class Files:
    name = "files"

    def read_bytes(self, path: str, /) -> bytes:
        if path not in FILES:
            raise DataError(f"no {path}")
        return FILES[path]


def concept(name: str, image: str | None, *queries: Item) -> Concept:
    parts = {"text": name} if image is None else {"text": name, "image": image}
    return Concept(name, parts, queries)


def test_a_copy_is_the_same_picture() -> None:
    asks = Item("q", "a-copy.png", "who"), Item("q2", "b.png"), Item("q3", None, "what")
    first, other = concept("a", "a.png", *asks), concept("b", "b.png")
    found, lost = without_copies([first, other, concept("c", "c.png")], Files())
    assert lost == 1
    assert [x.id for x in found] == ["a", "b"]
    assert [query.content for query in found[0].queries] == [
        (("image", "a.png"), ("text", "who")),
        *(query.content for query in asks[1:]),
    ]


def test_what_cannot_be_read_or_has_no_picture_stays() -> None:
    some = [concept("a", "lost.png"), concept("b", "gone.png"), concept("c", None)]
    assert without_copies(some, Files()) == (some, 0)
