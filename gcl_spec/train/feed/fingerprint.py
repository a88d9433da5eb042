"""Checks that a resumed run has the data of its start, on which the order of samples depends."""

import hashlib
import json
from collections.abc import Collection
from pathlib import Path
from typing import Any

from gcl_spec._files.reading import parse_json, read_regular
from gcl_spec.data.source import Source
from gcl_spec.errors import DataError

__all__ = ["check_same", "noted"]


def noted(source: Source) -> str:
    """The content of the file that `check_same` compares data with."""
    digest, malformed = _digest(source, ())
    return json.dumps({"samples": len(source), "malformed": malformed, "listing": digest})


def check_same(path: Path, source: Source) -> None:
    """Compare data with what `noted` gave; runs of older versions have nothing to compare.

    Neither the place of the data matters nor the contents of picture files. Rows that were
    malformed may have been mended.

    Raises:
        DataError: the data has changed.
    """
    known = _read(path)
    if known is None:
        return
    count, listing, malformed = known
    what = ""
    if len(source) != count:
        what = f"{len(source)} samples, and had {count}"
    elif _digest(source, malformed)[0] != listing:
        what = "other rows or files than"
    if what:
        raise DataError(
            f"{source.name} has {what} when the run was started, so that it cannot go on as if "
            "unbroken; restore the data, or start a new run with --init"
        )


def _read(path: Path) -> tuple[int, str, frozenset[int]] | None:
    try:
        record: dict[str, Any] = parse_json(read_regular(path))
        return int(record["samples"]), str(record["listing"]), frozenset(record["malformed"])
    except FileNotFoundError:
        return None
    except (ArithmeticError, OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(
            f"{path}: cannot read what data the run was started with: {error}; remove the file "
            "where the data is the same"
        ) from error


def _digest(source: Source, left_out: Collection[int]) -> tuple[str, list[int]]:
    """A hash of the parts that are not left out, and the numbers of malformed ones."""
    digest, malformed = hashlib.sha256(), []
    for number, part in enumerate(source.parts()):
        if not part:
            malformed.append(number)
        elif number not in left_out:
            digest.update(f"{number} {part}\n".encode("utf-8", "surrogatepass"))
    return digest.hexdigest(), malformed
