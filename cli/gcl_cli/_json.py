"""The files of `--json`."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

__all__ = ["write_json"]


def write_json(path: Path | None, content: Mapping[str, Any], *, indent: int | None = None) -> None:
    """Write what a command has found, whole or not at all.

    Commands call this before they print: where the reader of a pipe has gone, as with `| head`, the
    first line that is printed is the last thing that they do.

    Args:
        path: the file; None where none was asked for.
        content: what JSON can hold, by name.
        indent: the spaces before what stands deeper; None: all on one line.

    Raises:
        FileError: it cannot be written.
    """
    from gcl_spec._files.atomic import atomic_write

    if path is not None:
        with atomic_write(path) as file:
            file.write(json.dumps(content, indent=indent).encode())
