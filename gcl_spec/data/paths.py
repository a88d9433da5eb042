"""Paths with globs and braces to files."""

import glob
import re
from itertools import product
from pathlib import Path

from gcl_spec.errors import DataError

__all__ = ["expand"]

_RANGE = re.compile(r"(\d+)\.\.(\d+)")
_MOST = 1_000_000


def expand(pattern: str) -> tuple[Path, ...]:
    """The files that a pattern names, in the order of their names, each once.

    `{00000..00003}` counts, with the zeros; `{a,b}` lists; `*`, `?` and `[...]` match names. A
    path that is there as it stands is itself, whatever signs it has.

    Raises:
        DataError: nothing matches, or a brace names a file that is missing.
    """
    if Path(pattern).exists():
        return (Path(pattern),)
    found: list[Path] = []
    for text in _braces(pattern):
        matches = [Path(text)] if Path(text).exists() else _matches(text)
        if not matches:
            raise DataError(
                f"no file {text!r}" + (f", which {pattern!r} names" if text != pattern else "")
            )
        found += matches
    return tuple(dict.fromkeys(found))


def _matches(text: str) -> list[Path]:
    return sorted(map(Path, glob.glob(text)))  # noqa: PTH207  # Path.glob takes no absolute pattern


def _braces(pattern: str) -> list[str]:
    """Every text that the braces stand for.

    >>> _braces("{8..11}-{a,b}")[:3]
    ['8-a', '8-b', '9-a']
    >>> _braces("{08..10}.tar")
    ['08.tar', '09.tar', '10.tar']
    """
    parts = re.split(r"\{([^{}]*)\}", pattern)
    choices = [_choices(part, pattern) if n % 2 else [part] for n, part in enumerate(parts)]
    return ["".join(chosen) for chosen in product(*choices)]


def _choices(inner: str, pattern: str) -> list[str]:
    counted = _RANGE.fullmatch(inner)
    if counted is None:
        return inner.split(",") if "," in inner else [f"{{{inner}}}"]
    first, last = int(counted[1]), int(counted[2])
    if first > last or last - first >= _MOST:
        raise DataError(f"{pattern!r}: {{{inner}}} must count upwards, to at most {_MOST} files")
    width = len(counted[1]) if counted[1].startswith("0") else 0
    return [f"{n:0{width}d}" for n in range(first, last + 1)]
