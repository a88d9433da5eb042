"""Finds the files that a path with wildcards and braces names."""

import glob
import os
import re
from itertools import product
from math import prod
from pathlib import Path

from gcl_spec._files.reading import regular
from gcl_spec.config.user_paths import why_no_path
from gcl_spec.data.root import FolderRoot
from gcl_spec.errors import DataError

__all__ = ["expand"]

_RANGE = re.compile(r"(\d+)\.\.(\d+)")
_MOST = 1_000_000
_DIGITS = 18


def expand(pattern: str) -> tuple[Path, ...]:
    """The files that a pattern names, in the order of their names, each once.

    `{00000..00003}` counts, with the zeros; `{a,b}` lists; `*`, `?` and `[...]` match names. A path
    that exists as it stands names itself, whatever characters it has.

    Raises:
        DataError: nothing matches, or a brace names a file that is missing.
    """
    if problem := why_no_path(pattern):
        raise DataError(f"{pattern!r:.200} is {problem}")
    if os.path.lexists(pattern):
        return (_regular(pattern),)
    paths: list[Path] = []
    for text in _braces(pattern):
        matches = [_regular(text)] if os.path.lexists(text) else _matches(text)
        if not matches:
            raise DataError(
                f"no file {text!r}" + (f", which {pattern!r} names" if text != pattern else "")
            )
        paths += matches
    return tuple(dict.fromkeys(paths))


def _matches(text: str) -> list[Path]:
    """The files that wildcards match: a folder holds them, so none may be a link that leads out."""
    try:
        paths = sorted(map(Path, glob.glob(text)))  # noqa: PTH207  # Path's takes no absolute one
    except (OSError, ValueError, RecursionError) as error:  # NUL, or a pattern too much for `re`
        raise DataError(f"{text!r}: cannot look for it: {error}") from error
    fixed = re.split(r"[*?\[]", text)[0].rpartition("/")[0]
    base = Path(fixed or ("/" if text.startswith("/") else "."))
    root = FolderRoot(base)
    for path in paths:
        root.check(str(path.relative_to(base)))
    return paths


def _regular(text: str) -> Path:
    try:
        return regular(Path(text))
    except OSError as error:
        raise DataError(f"{text}: cannot read it: {error.strerror}") from error


def _braces(pattern: str) -> list[str]:
    """Every text that the braces stand for.

    >>> _braces("{8..11}-{a,b}")[:3]
    ['8-a', '8-b', '9-a']
    >>> _braces("{08..10}.tar")
    ['08.tar', '09.tar', '10.tar']
    """
    parts = re.split(r"\{([^{}]*)\}", pattern)
    choices = [_choices(part, pattern) if n % 2 else [part] for n, part in enumerate(parts)]
    count = prod(map(len, choices))
    if count > _MOST:  # before the texts are made
        raise DataError(f"{pattern!r:.200} names {count:,} files; at most {_MOST:,} can be named")
    return ["".join(chosen) for chosen in product(*choices)]


def _choices(inner: str, pattern: str) -> list[str]:
    counted = _RANGE.fullmatch(inner)
    if counted is None:
        return inner.split(",") if "," in inner else [f"{{{inner}}}"]
    if max(map(len, counted.groups())) > _DIGITS:
        raise DataError(f"{pattern!r:.200}: a number in it has more than {_DIGITS} digits")
    first, last = int(counted[1]), int(counted[2])
    if first > last or last - first >= _MOST:
        raise DataError(f"{pattern!r}: {{{inner}}} must count upwards, to at most {_MOST} files")
    width = len(counted[1]) if counted[1].startswith("0") else 0
    return [f"{n:0{width}d}" for n in range(first, last + 1)]
