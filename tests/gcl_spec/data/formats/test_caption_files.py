"""Captions beside pictures and videos."""

import pytest

from gcl_spec.data.formats.caption_files import captions_in, files_beside
from gcl_spec.errors import DataError


def test_the_files_beside_a_picture_in_their_order() -> None:
    there = {"a/b.txt", "a/b.JPG.caption", "a/b.json", "b.txt", "a/b.JPG"}
    assert files_beside("a/b.JPG", there.__contains__) == (
        "a/b.txt", "a/b.JPG.caption", "a/b.json",
    )  # fmt: skip


def test_endings_in_capitals_and_decomposed_letters_are_those_of_the_same_name() -> None:
    """Cameras write IMG.JPG and IMG.TXT, and macOS decomposes letters in names."""
    composed, decomposed = "caf\u00e9", "cafe\u0301"
    there = {"a.TXT", "a.JSON", "b.txt", "b.TXT", f"{decomposed}.txt"}
    assert files_beside("a.JPG", there.__contains__) == ("a.TXT", "a.JSON")
    assert files_beside("b.JPG", there.__contains__) == ("b.txt",)
    assert files_beside(f"{composed}.jpg", there.__contains__) == (f"{decomposed}.txt",)
    assert files_beside("A.JPG", there.__contains__) == ()


@pytest.mark.parametrize(
    ("name", "content", "captions"),
    [
        ("a.txt", b"\xef\xbb\xbf a cat\n", ["a cat"]),
        ("a.txt", "caf\u00e9\r\n".encode("utf-16"), ["caf\u00e9"]),
        ("a.json", b"\xfe\xff" + '"caf\u00e9"'.encode("utf-16-be"), ["caf\u00e9"]),
        ("a.caption", b" ", []),
        ("a.JSON", b'"a cat"', ["a cat"]),
        ("a.json", b'["a", "", "b"]', ["a", "b"]),
        ("a.json", b'{"title": "a", "n": 1}', ["a"]),
        ("a.json", b'{"texts": ["a"], "title": "b"}', ["a"]),
    ],
)
def test_captions(name: str, content: bytes, captions: list[str]) -> None:
    assert captions_in(name, content) == captions


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.txt", b"\xff", "it is not UTF-8"),
        ("a.txt", b"\xff\xfe\x00", "it is not UTF-8"),
        ("a.txt", b"\xff\xfe\x00\xd8", "it is not UTF-8"),
        ("a.txt", b"a" * (2**22 + 1), "it has 4,194,305 bytes"),
        ("a.json", b"{", "not JSON"),
        ("a.json", b'{"words": "a"}', "none of the keys caption, "),
        ("a.json", b"3", "none of the keys"),
    ],
)
def test_what_holds_no_captions(name: str, content: bytes, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        captions_in(name, content)


def test_captions_that_are_no_texts() -> None:
    with pytest.raises(DataError, match=r"^x: a\.json: captions must be texts, not 3"):
        captions_in("x: a.json", b'{"caption": 3}')
