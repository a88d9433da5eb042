"""Nothing of a shard is lost without a word: names with dots, joined archives, other extensions."""

import io
import json
import tarfile
from pathlib import Path

import pytest

from gcl_spec.config.options import ColumnsConfig
from gcl_spec.data.source import Source
from gcl_spec.errors import DataError
from kinds import ROWS, member, png, rows, source, write_tar


def shard(path: Path, *members: tuple[str, bytes | str], form: int = tarfile.PAX_FORMAT) -> Path:
    path.parent.mkdir(exist_ok=True, parents=True)
    with tarfile.open(path, "w", format=form) as archive:
        for name, content in members:
            data = content.encode() if isinstance(content, str) else content
            archive.addfile(member(name, data)[0], io.BytesIO(data))
    return path


def pairs(found: Source) -> dict[str, tuple[bytes | None, tuple[str, ...]]]:
    samples = [found.sample(n) for n in range(len(found))]
    return {
        s.id: (None if s.image is None else found.read_bytes(s.image), s.captions) for s in samples
    }


@pytest.mark.parametrize(
    "keys", [["photo.001", "photo.002"], ["v1.2_7", "v1.2_8"], ["a.b/c.d.e", "a.b/c"], ["x", "x.y"],
             ["a/b/0001", "a/c/0001"], ["n" * 150 + ".1", "n" * 150 + ".2"]],
)  # fmt: skip
@pytest.mark.parametrize("form", [tarfile.PAX_FORMAT, tarfile.GNU_FORMAT])
def test_the_names_of_samples_may_hold_dots(keys: list[str], form: int, tmp_path: Path) -> None:
    members = [
        (f"{key}{end}", data)
        for key in keys
        for end, data in ((".JPG", png(len(key))), (".txt", f"text of {key}"))
    ]
    shard(tmp_path / "data" / "a.tar", *members, form=form)
    found = source(tmp_path / "data")
    assert pairs(found) == {key: (png(len(key)), (f"text of {key}",)) for key in keys}
    assert (found.warnings, found.notes) == ((), ())


def test_pictures_alone_may_have_dots_in_their_names(tmp_path: Path) -> None:
    shard(tmp_path / "data" / "a.tar", *((f"photo.{n:03}.jpg", png(n)) for n in range(4)))
    assert len(source(tmp_path / "data")) == 4


def test_names_of_webdataset_with_parts(tmp_path: Path) -> None:
    members = [
        (f"{n}.{end}", data)
        for n in range(3)
        for end, data in (("image.jpg", png(n)), ("caption.txt", f"text {n}"))
    ]
    shard(tmp_path / "data" / "a.tar", *members)
    found = source(tmp_path / "data")
    assert pairs(found) == {str(n): (png(n), (f"text {n}",)) for n in range(3)}
    assert "3 samples are put together by the first dot" in found.notes[0]


@pytest.mark.parametrize(
    ("image", "text"),
    [("0001.jpg", "0001.jpg.txt"), ("v1.2_7.JPG", "v1.2_7.JPG.txt"), ("./a/1.jfif", "a/1.txt"),
     ("1.input.jpg", "1.outputs.txt"), ("1 Track 2.0 (Clean).webp", "1 Track 2.0 (Clean).caption"),
     ("1.jpg", "1.caption.txt")],
)  # fmt: skip
def test_pairs_as_people_name_them(image: str, text: str, tmp_path: Path) -> None:
    shard(tmp_path / "data" / "a.tar", (image, png(1)), (text, "a dog"))
    assert list(pairs(source(tmp_path / "data")).values()) == [(png(1), ("a dog",))]


@pytest.mark.parametrize(
    ("image", "text"), [("img", "cap"), ("IMG", "Cap"), ("image", "text"), ("pic", "txt")]
)
def test_unusual_extensions_are_read_by_their_content(
    image: str, text: str, tmp_path: Path
) -> None:
    shard(tmp_path / "data" / "a.tar", (f"v1.2.{image}", png(1)), (f"v1.2.{text}", "a dog"),
          ("2.png", png(2)), ("2.txt", "a cat"))  # fmt: skip
    for _ in range(2):
        found = source(tmp_path / "data")
        assert pairs(found) == {"v1.2": (png(1), ("a dog",)), "2": (png(2), ("a cat",))}
        assert found.warnings == ()
        said = [f"read as pictures, which they are: '.{image}' (1)"]
        said = [*([] if text == "txt" else [f"read as .txt: '.{text}' (1)"]), *said]
        assert [note.split(": ", 1)[1] for note in found.notes] == said


def test_what_is_something_else_by_its_content_is_counted(tmp_path: Path) -> None:
    """A disk's image, a record of a network, and a second picture of a sample."""
    shard(tmp_path / "data" / "a.tar", ("1.png", png(1)), ("1.txt", "a dog"), ("1.img", png(2)),
          ("2.png", png(2)), ("2.cap", b"\xd4\xc3\xb2\xa1\2\0"), ("3.img", b"\xeb\x3c\x90MSDOS"),
          ("3.txt", "a cat"), ("4.img", b""), ("4.txt", "an emu"))  # fmt: skip
    found = source(tmp_path / "data")
    assert pairs(found) == {
        "1": (png(1), ("a dog",)), "2": (png(2), ()), "3": (None, ("a cat",)),
        "4": (None, ("an emu",)),
    }  # fmt: skip
    assert any(
        "are not read, by their names' end: '.img' (3), '.cap' (1)" in x for x in found.notes
    )


def test_parts_beside_a_whole_sample_are_no_samples_and_are_counted(tmp_path: Path) -> None:
    members = [
        (f"{n}.{end}", data)
        for n in range(3)
        for end, data in (("jpg", png(n)), ("txt", f"text {n}"), ("mask.png", png(9)),
                          ("syn.json", "{}"), ("cls", "3"), ("npy", b"x"))
    ]  # fmt: skip
    shard(tmp_path / "data" / "a.tar", *members, ("._0.jpg", b"x"), ("README", b"x"))
    found = source(tmp_path / "data")
    assert pairs(found) == {str(n): (png(n), (f"text {n}",)) for n in range(3)}
    (note,) = found.notes
    for end in ("'.mask.png' (3)", "'.syn.json' (3)", "'.cls' (3)", "'.npy' (3)",
                "'hidden files' (1)", "'no extension' (1)"):  # fmt: skip
        assert end in note
    assert source(tmp_path / "data").notes == found.notes, "the index on disk keeps them"


@pytest.mark.parametrize(
    ("end", "content", "said"),
    [
        ("caption", "a dog", "read as .txt: '.caption' (2)"),
        ("TXT", "a dog", ""),
        ("json", '{"text": "a dog"}', "'text' is read as 'captions' in 2 .json members"),
        ("json", '{"Captions": ["a dog", " "]}', "'Captions' is read as 'captions'"),
        ("json", '{"caption": "a dog", "url": 1}', "'url' (2)"),
    ],
)
def test_texts_of_other_names_are_read_and_said(
    end: str, content: str, said: str, tmp_path: Path
) -> None:
    for k in range(2):
        shard(tmp_path / "data" / f"{k}.tar", ("1.jpg", png(k)), (f"1.{end}", content))
    found = source(tmp_path / "data")
    assert [found.sample(n).captions for n in range(2)] == [("a dog",)] * 2
    assert found.warnings == ()
    assert said in " ".join(found.notes)


def test_a_blank_text_does_not_hide_the_json(tmp_path: Path) -> None:
    """As img2dataset leaves it where no picture is encoded anew (issue 344 there)."""
    shard(tmp_path / "data" / "a.tar", ("1.jpg", png(1)), ("1.txt", " "),
          ("1.json", '{"caption": "a dog"}'))  # fmt: skip
    assert pairs(source(tmp_path / "data"))["1"] == (png(1), ("a dog",))


def test_a_json_whose_caption_is_lost_is_pointed_out(tmp_path: Path) -> None:
    shard(tmp_path / "data" / "a.tar", ("1.jpg", png(1)), ("1.json", '{"title": "a dog"}'))
    (warning,) = source(tmp_path / "data").warnings
    assert "'title' of 1 .json members is not a known name" in warning
    assert "did you mean 'captions'" in warning


def test_pictures_and_texts_in_folders_of_their_own_are_said(tmp_path: Path) -> None:
    shard(tmp_path / "data" / "a.tar", ("images/1.jpg", png(1)), ("texts/1.txt", "a dog"))
    notes = " ".join(source(tmp_path / "data").notes)
    assert "1 samples have a picture and no text of their name" in notes
    assert "1 samples have no picture" in notes
    shard(tmp_path / "data" / "a.tar", ("1.jpg", png(1)), ("2.jpg", png(2)))
    assert source(tmp_path / "data").notes == ()


def test_samples_without_partner_and_long_texts_are_counted(tmp_path: Path) -> None:
    shard(
        tmp_path / "data" / "a.tar", ("1.jpg", png(1)), ("2.jpg", png(2)), ("3.txt", "a\nb\n"),
        ("2.txt", "c\n"), ("2.json", '{"captions": ["d"]}'), ("4.txt", "e"), ("4.caption", "f"),
    )  # fmt: skip
    notes = " ".join(source(tmp_path / "data").notes)
    assert "1 .json members are not read: a .txt stands beside them" in notes
    assert "1 samples have a picture and no text" in notes
    assert "2 samples have no picture" in notes
    assert "1 .txt members have several lines" in notes
    assert "'.caption' (1)" in notes


@pytest.mark.parametrize("blocks", [0, 1, 40])
@pytest.mark.parametrize("same", [True, False])
def test_archives_joined_by_cat_are_read(blocks: int, same: bool, tmp_path: Path) -> None:
    write_tar(tmp_path / "0.tar", ROWS[:2])
    write_tar(tmp_path / "1.tar", ROWS[:2] if same else ROWS[2:])
    parts = [(tmp_path / f"{n}.tar").read_bytes() for n in range(2)]
    (tmp_path / "all").mkdir()
    (tmp_path / "all" / "all.tar").write_bytes(bytes(512 * blocks).join(parts) + bytes(10240))
    found = source(tmp_path / "all")
    last = [(f"{n} (archive 2)", i, t) for n, i, t in ROWS[:2]] if same else ROWS[2:]
    assert rows(found) == [*ROWS[:2], *last]
    assert len({found.place(n) for n in range(len(found))}) == len(found)
    assert found.warnings == ()
    assert "1 more archives stand behind others" in found.notes[0]
    (tmp_path / "all" / "all.tar").write_bytes(parts[0] + parts[1][: -len(parts[1]) // 2 - 3000])
    assert len(source(tmp_path / "all").warnings) == 1


def test_bytes_behind_the_end_are_said(tmp_path: Path) -> None:
    write_tar(tmp_path / "data" / "a.tar", ROWS)
    data = (tmp_path / "data" / "a.tar").read_bytes()
    (tmp_path / "data" / "a.tar").write_bytes(data + b"not a header" * 100)
    found = source(tmp_path / "data")
    assert rows(found) == ROWS
    (warning,) = found.warnings
    assert "1,200 bytes after the archive's end are no tar archive" in warning


@pytest.mark.parametrize("empty", ["archive", "zeros", "nothing", "other", "cut"])
def test_a_shard_without_samples_stops_nothing(empty: str, tmp_path: Path) -> None:
    first = shard(tmp_path / "data" / "0.tar", *([("1.npy", b"x")] if empty == "other" else []))
    if empty == "zeros":
        first.write_bytes(bytes(1024))
    elif empty == "nothing":
        first.write_bytes(b"")
    elif empty == "cut":
        data = shard(first, ("1.jpg", bytes(5000))).read_bytes()
        first.write_bytes(data[:2000])
    with pytest.raises(DataError, match=r"0\.tar holds no whole sample"):
        source(tmp_path / "data", "0.tar")
    write_tar(tmp_path / "data" / "1.tar", ROWS)
    for _ in range(2):
        found = source(tmp_path / "data")
        assert rows(found) == ROWS
        said = " ".join((*found.warnings, *found.notes))
        assert str(first) in said
    (tmp_path / "data" / "0.tar").write_bytes(b"\x1f\x8b" + bytes(range(250)) * 4)
    with pytest.raises(DataError, match=r"0\.tar holds no whole sample.*not compressed"):
        source(tmp_path / "data")


def test_options_of_columns_do_not_name_members(tmp_path: Path) -> None:
    write_tar(tmp_path / "data" / "a.tar", ROWS)
    (tmp_path / "data" / "a.json").write_text(json.dumps([{"id": 1, "caption": "x"}]))
    for name in ("a.tar", "a.json"):
        with pytest.raises(DataError, match=r"data\.columns\.text = 'title'"):
            source(tmp_path / "data", name, columns=ColumnsConfig(text="title"))


def block(name: str, kind: bytes, data: bytes) -> bytes:
    info = tarfile.TarInfo(name)
    info.type, info.size = kind, len(data)
    return info.tobuf(tarfile.GNU_FORMAT) + data + bytes(-len(data) % 512)


@pytest.mark.parametrize(
    "hostile",
    [
        block("././@LongLink", b"L", b"abc\0") * 3000,
        block("pax", b"x", b"30 GNU.sparse.map=a,b\n"),
        block("pax", b"x", b"22 GNU.sparse.size=zz\n"),
        block("pax", b"x", b"24 GNU.sparse.major=1\n24 GNU.sparse.minor=0\n"),
        block("pax", b"x", b"6013 size=" + b"9" * 6002 + b"\n"),
        block("pax", b"x", b"11 size=-5\n"),
        block("pax", b"x", b"99999999999999999999 path=x\n"),
    ],
)
def test_headers_that_make_tarfile_raise(tmp_path: Path, hostile: bytes) -> None:
    data, folder = block("a.png", b"0", png(1)) + block("a.txt", b"0", b"a cup"), tmp_path / "data"
    folder.mkdir()
    data += block("b.png", b"0", png(2)) + hostile + block("b.txt", b"0", b"a dog" * 200)
    (folder / "a.tar").write_bytes(data + bytes(1024))
    found = source(folder)
    assert pairs(found)["a"] == (png(1), ("a cup",))


def test_a_member_that_is_too_long(tmp_path: Path) -> None:
    shard(tmp_path / "data" / "a.tar", ("a.png", b""), ("a.txt", "a cup"))
    info = tarfile.TarInfo("b.png")
    info.size = 600 * 2**20
    with (tmp_path / "data" / "a.tar").open("r+b") as file:
        file.seek(3 * 512)
        file.write(info.tobuf(tarfile.GNU_FORMAT))
        file.truncate(700 * 2**20)
    found = source(tmp_path / "data")
    with pytest.raises(DataError, match=r"b: its image has 629\.1 MB; at most 536\.9 MB fit"):
        found.read_bytes(str([found.label(n) for n in range(len(found))].index("b")))
