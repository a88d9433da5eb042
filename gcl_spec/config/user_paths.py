"""Paths as users write them in options: with `~`, or with bytes that are no text."""

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from urllib.parse import quote, unquote_to_bytes

from gcl_spec._files.reading import is_file, is_folder
from gcl_spec.config.options import Config
from gcl_spec.errors import ConfigError

__all__ = [
    "PATHS",
    "absolute",
    "is_text",
    "path_to_text",
    "text_path",
    "user_path",
    "why_no_path",
    "with_paths",
]

PATHS = ("data.path", "data.images", "data.cache", "model.path", "model.text_path")
"""The options that `with_paths` changes."""
_NAMES = ("starter", "tiny")
_URI = "file:"
_LONGEST_NAME, _LONGEST_PATH = 255, 4095  # bytes, on Linux


def user_path(text: str) -> str:
    """The path that an option means: `~` and `~name` are home folders, file: URIs paths (RFC 8089).

    >>> user_path("file:///data/caf%E9"), user_path("data/~"), user_path("starter")
    ('/data/caf\\udce9', 'data/~', 'starter')

    Raises:
        ConfigError: `~` where no home folder is known.
    """
    if text.startswith(_URI):
        inner = text.removeprefix(_URI).removeprefix("//localhost")
        if inner.startswith("///"):
            inner = inner[2:]
        return os.fsdecode(unquote_to_bytes(inner))
    if not text.startswith("~") or os.path.lexists(text):
        return text
    path = os.path.expanduser(text)  # noqa: PTH111  # Path's raises where no home is known
    if path == text and text.partition("/")[0] == "~":
        raise ConfigError(f"{text}: no home folder is known ($HOME is not set); write the path out")
    return path


def path_to_text(path: str) -> str:
    r"""The text without lone surrogates, for config.toml, of which `user_path` makes this path.

    >>> path_to_text("/data/cafés"), path_to_text("/data/caf\udce9"), path_to_text("~")
    ('/data/cafés', 'file:///data/caf%E9', 'file:%7E')

    Raises:
        UnicodeEncodeError: half a surrogate pair, which no file's name can hold.
    """
    if not path.startswith(("~", _URI)) and is_text(path):
        return path
    quoted = quote(os.fsencode(path)).replace("~", "%7E")
    return f"{_URI}//{quoted}" if path.startswith("/") else _URI + quoted


def is_text(text: str) -> bool:
    """Is this Unicode text, without the lone surrogates that stand for other bytes?"""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def why_no_path(text: str) -> str:
    """Why a text can be the path of no file (half a surrogate pair, NUL, a long name); else ""."""
    try:
        encoded = os.fsencode(text)
    except UnicodeEncodeError:
        return "no path"
    if b"\0" in encoded:
        return "no path: it holds NUL"
    longest = max(map(len, encoded.split(b"/")))
    if b"{" in encoded:  # a list of many paths
        return ""
    if longest > _LONGEST_NAME or len(encoded) > _LONGEST_PATH:
        return (
            f"no path: it has {len(encoded):,} bytes, up to {longest:,} of them between two "
            f"slashes; systems take {_LONGEST_PATH:,} and {_LONGEST_NAME}"
        )
    return ""


def with_paths(config: Config, change: Callable[[str], str]) -> Config:
    """The config with `change` applied to each of its paths but the empty ones."""
    data, model = config.data, config.model

    def of(path: str) -> str:
        return change(path) if path else path

    return replace(
        config,
        data=replace(data, path=of(data.path), images=of(data.images), cache=of(data.cache)),
        model=replace(model, path=of(model.path), text_path=of(model.text_path)),
    )


def absolute(config: Config) -> Config:
    """The config with absolute paths, which mean the same in whatever folder it is used.

    The names starter and tiny stay, as does what is no folder or file but a hub id.
    """

    def of(path: str) -> str:
        path = user_path(path)
        return path if path in _NAMES else str(Path(path).absolute())

    def here(path: str) -> str:
        there = user_path(path)
        return of(path) if path and (is_folder(there) or is_file(there)) else path

    model = config.model
    own = replace(model, path=here(model.path), text_path=here(model.text_path))
    return replace(with_paths(config, of), model=own)


@contextmanager
def text_path(folder: Path) -> Iterator[Path]:
    """The folder under a name that is UTF-8 text, for libraries that take no other name.

    It is a link to the folder, or, where the folder's own name is text, the folder itself.
    """
    if is_text(str(folder)):
        yield folder
        return
    with tempfile.TemporaryDirectory(prefix="gcl-") as made:
        link = Path(made) / "folder"
        link.symlink_to(folder.absolute(), target_is_directory=True)
        yield link
