"""A hash is that of a content, and what cannot be indexed is refused by name."""

import pytest

from gcl_spec.embed.entry import Contents, Entry
from gcl_spec.index.items import Added, hash_of, refusal


class Files:
    name = "files"

    def read_bytes(self, path: str, /) -> bytes:
        return {"a.png": b"a", "copy.png": b"a", "b.png": b"b"}[path]


def digest(*content: tuple[str, str]) -> str:
    return hash_of(Entry("x", content), Contents(Files()))


def test_the_hash_is_that_of_files_texts_and_modality() -> None:
    assert digest(("image", "a.png")) == digest(("image", "copy.png"))
    different = {
        digest(("image", "a.png")),
        digest(("image", "b.png")),
        digest(("text", "a.png")),
        digest(("image", "a.png"), ("text", "a")),
        digest(("image", "a.png"), ("text", "b")),
    }
    assert len(different) == 5


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        (Entry("a", (), "its line is torn"), "its line is torn"),
        (Entry("", (("text", "a"),)), "its id is no text of 1 to 4,096 characters"),
        (Entry("\ud800", (("text", "a"),)), "its id is no text"),
        (Entry("a" * 5000, (("text", "a"),)), "its id is no text"),
        (Entry("a", (("text", "a" * 100_001),)), "100,001 characters; at most 100,000"),
        (Entry("a", (("text", "\ud800"),)), "half a surrogate pair"),
        (Entry("a", (("text", "a" * 100_000),)), ""),
    ],
)
def test_what_cannot_be_indexed_is_refused(entry: Entry, said: str) -> None:
    assert said in refusal(entry)
    assert bool(refusal(entry)) == bool(said)


def test_what_was_done_is_counted() -> None:
    done = Added(added=2, removed=1, absent={"a": "torn"})
    assert {what: n for what, n in done.counts().items() if n} == {
        "added": 2, "removed": 1, "left out": 1,
    }  # fmt: skip
