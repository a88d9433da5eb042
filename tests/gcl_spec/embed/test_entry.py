"""The hash of entries covers ids, texts and the bytes of files."""

from pathlib import Path

import pytest

from gcl_spec.data.root import FolderRoot
from gcl_spec.embed.entry import Contents, Entry, data_digest, key_of
from gcl_spec.errors import DataError


def test_every_part_counts(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"a")
    root = FolderRoot(tmp_path)

    def digest(*entries: Entry) -> str:
        return data_digest(entries, Contents(root))

    whole = Entry("1", (("image", "a.png"), ("text", "red")))
    first = digest(whole)
    assert digest(whole) == first
    others = [
        whole._replace(id="2"), whole._replace(why="malformed"),
        whole._replace(content=(("image", "a.png"), ("text", "blue"))),
        whole._replace(content=(("image", "b.png"), ("text", "red"))),
    ]  # fmt: skip
    assert len({first, digest(whole, whole), *map(digest, others)}) == 6
    (tmp_path / "a.png").write_bytes(b"b")
    assert digest(whole) != first
    (tmp_path / "a.png").unlink()
    assert digest(whole) != first


def test_what_was_read_is_not_read_again(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"a")
    contents, entry = Contents(FolderRoot(tmp_path)), Entry("1", (("image", "a.png"),))
    assert contents.read_bytes("a.png") == b"a"
    read = contents.of(entry)
    (tmp_path / "a.png").unlink()
    assert contents.of(entry) == read
    contents.forget()
    assert contents.of(entry) == ["unreadable"]
    with pytest.raises(DataError):
        contents.read_bytes("a.png")


def test_a_key_tells_contents_apart() -> None:
    assert key_of((("text", "a"),)) != key_of((("text", "a"), ("text", "a")))
    assert len(key_of((("text", "\ud800"),))) == 32
