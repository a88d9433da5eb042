"""Hard links in tar shards, as `tar` writes them of linked files, reach the shard alone."""

import io
import tarfile
from pathlib import Path

import pytest

from gcl_spec.config.options import DataConfig
from gcl_spec.data.formats.tar_index import TarIndex, read_index
from gcl_spec.data.open import open_source
from gcl_spec.errors import DataError
from kinds import member, png

MEMBERS = [
    member("a/1.png", png(1)), member("a/1.txt", b"one"),
    member("a/2.png", b"a/1.png", tarfile.LNKTYPE), member("a/2.txt", b"two"),
    member("a/3.jpg", b"./a/2.png", tarfile.LNKTYPE),
    member("a/3.txt", b"a/1.txt", tarfile.LNKTYPE),
]  # fmt: skip
OUT = [b"/etc/passwd", b"../a/1.png", b"a/4.png", b"a/9.png", b"a/1.txt", b"a", b""]


def index(folder: Path, *members: tuple[tarfile.TarInfo, bytes]) -> TarIndex:
    with tarfile.open(folder / "s.tar", "w") as archive:
        for info, data in members:
            archive.addfile(info, io.BytesIO(data))
    return read_index(folder / "s.tar", folder / "cache")


def test_the_content_is_that_of_the_member_before(tmp_path: Path) -> None:
    found = index(tmp_path, *MEMBERS)
    assert found.keys == ("a/1", "a/2", "a/3")
    assert found.span(1, "image") == found.span(2, "image") == found.span(0, "image")
    assert found.span(2, "txt") == found.span(0, "txt")
    source = open_source(DataConfig(path=str(tmp_path), cache=str(tmp_path / "cache")))
    assert [source.sample(n).captions for n in range(3)] == [("one",), ("two",), ("one",)]
    assert source.read_bytes(source.sample(2).image or "") == png(1)


@pytest.mark.parametrize("target", OUT)
def test_a_link_to_no_member_before_it_is_no_file(target: bytes, tmp_path: Path) -> None:
    """A picture is none where a text is linked, either."""
    linked = member("a/4.png", target, tarfile.LNKTYPE)
    found = index(tmp_path, *MEMBERS, linked, member("a/9.png", png(9)))
    with pytest.raises(DataError, match="a/4: its image is a link to no file before it in the sha"):
        found.span(found.keys.index("a/4"), "image")


def test_a_file_that_was_named_twice_is_one_sample(tmp_path: Path) -> None:
    """GNU tar writes a link of the second to the first, `tar cf s.tar a a`."""
    again = [member("a/1.png", b"a/1.png", tarfile.LNKTYPE)]
    assert index(tmp_path, *MEMBERS, *again).warnings == ()
    (line,) = index(tmp_path, *MEMBERS, *again, member("a/1.png", png(2))).warnings
    assert "1 members stand in it twice, such as a/1 (image)" in line


@pytest.mark.parametrize("target", [b"1.png", b"a/1.png"])
def test_a_soft_link_stays_none(target: bytes, tmp_path: Path) -> None:
    found = index(tmp_path, *MEMBERS, member("a/4.png", target, tarfile.SYMTYPE))
    with pytest.raises(DataError, match="a/4: its image is a link"):
        found.span(3, "image")


def test_a_file_with_holes_is_none(tmp_path: Path) -> None:
    """Its content in the shard, after `tar --sparse`, is a map of the holes and the rest."""
    info, data = member("a/4.png", b"1\n0\n4\n".ljust(512, b"\0") + b"data")
    about = {"major": "1", "minor": "0", "name": "a/4.png", "realsize": "9"}
    info.pax_headers = {f"GNU.sparse.{name}": value for name, value in about.items()}
    found = index(tmp_path, *MEMBERS, (info, data))
    with pytest.raises(DataError, match=r"a/4: its image is a link .* or has holes"):
        found.span(3, "image")
