"""Only regular files are read, and every parser has one kind of error."""

import os
import socket
import tomllib
from pathlib import Path

import pytest

from gcl_spec._files.reading import (
    is_file,
    is_folder,
    open_regular,
    parse_json,
    parse_json_at,
    parse_toml,
    read_regular,
)

DEEP = 100_000


def test_what_would_be_waited_for_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to("pipe")
    (tmp_path / "zeros").symlink_to("/dev/zero")
    with socket.socket(socket.AF_UNIX) as found:
        found.bind(str(tmp_path / "socket"))
        kinds = {"pipe": "a pipe", "link": "a pipe", "zeros": "a device", "socket": "a socket"}
        for name, kind in kinds.items():
            with pytest.raises(OSError, match=f"it is {kind}, not a regular file"):
                open_regular(tmp_path / name)
            assert not is_file(tmp_path / name)
    with pytest.raises(OSError, match="it is a folder, not a file"):
        read_regular(tmp_path)


def test_a_pipe_that_comes_between_is_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    os.mkfifo(tmp_path / "pipe")
    monkeypatch.setattr("gcl_spec._files.reading.regular", lambda path: path)
    with pytest.raises(OSError, match="it is a pipe"):
        open_regular(tmp_path / "pipe")


@pytest.mark.parametrize("name", ["a\0b", "a" * 5000, "\ud800", "a/" * 5000])
def test_names_that_no_file_system_takes(name: str) -> None:
    assert not is_file(name)
    assert not is_folder(name)
    with pytest.raises(OSError):  # noqa: PT011  # the system's own words for one that is too long
        read_regular(Path(name))


def test_a_file_over_the_limit_is_not_read(tmp_path: Path) -> None:
    with (tmp_path / "sparse").open("wb") as file:
        file.truncate(2**40)
    with pytest.raises(OSError, match=r"it has 1,099,511\.6 MB; at most 536\.9 MB fit"):
        read_regular(tmp_path / "sparse")
    (tmp_path / "small").write_bytes(b"abc")
    assert read_regular(tmp_path / "small", most=3) == b"abc"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[" * DEEP, "nested too deeply"),
        ('{"a":' * DEEP, "nested too deeply"),
        ("9" * 6000, "too many digits"),
        (f"[-{'1' * 6000}]", "too many digits"),
        ("{", "Expecting property name"),
    ],
)
def test_json(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        parse_json(text)
    with pytest.raises(ValueError, match=message):
        parse_json_at(text, 0)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (f"a = {'[' * DEEP}", "nested too deeply"),
        (f"a = {'[' * 40}1{']' * 40}", "nested too deeply"),
        (f"{'.'.join('a' * 5000)} = 1", "nested too deeply"),
        (f"a = {'9' * 6000}", "too many digits"),
        (f"a = 0x{'f' * 6000}", "more than 64 bits"),
        ("a = [{b = 9223372036854775808}]", "more than 64 bits"),
    ],
)
def test_toml(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        parse_toml(text)


def test_names_of_an_object_are_counted_once() -> None:
    """A comparison of each with all, as of 300,000 here, would not end."""
    names = ",".join(f'"k{n}":0' for n in range(300_000))
    with pytest.raises(ValueError, match="'k299999' stands twice"):
        parse_json(f'{{{names},"k299999":1}}')


def test_good_toml_and_none() -> None:
    text = "a = 9223372036854775807\n[b.c]\nd = [[1], [[-9223372036854775808]]]"
    assert parse_toml(text) == tomllib.loads(text)
    with pytest.raises(tomllib.TOMLDecodeError):
        parse_toml("a b")
