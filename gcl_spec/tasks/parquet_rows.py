"""Reads whole rows of parquet files that lie under a root, a few at a time."""

from collections.abc import Iterator, Sequence
from itertools import count, takewhile
from pathlib import Path
from typing import Any

from gcl_spec.data.formats.parquet_table import ParquetTable
from gcl_spec.data.names import listed, shown
from gcl_spec.data.root import FolderRoot, Root
from gcl_spec.errors import DataError

__all__ = ["parquet_rows", "parquet_table", "shards"]

_MOST_SHARDS = 16  # no set of these benchmarks has more


def shards(root: Root, stems: Sequence[str]) -> list[str]:
    """The files of a table: STEM-00000-of-0000N.parquet, or STEM/0000.parquet and those after it.

    Args:
        root: where they lie.
        stems: the first that there is counts, such as "CIRR/test".

    Returns:
        The paths; none where there is no such file.

    Raises:
        DataError: some of the files of a table are missing.
    """
    for stem in stems:
        for total in range(1, _MOST_SHARDS + 1):
            paths = [f"{stem}-{n:05d}-of-{total:05d}.parquet" for n in range(total)]
            if not root.exists(paths[0]):
                continue
            missing = [path for path in paths if not root.exists(path)]
            if missing:
                raise DataError(
                    f"{root.name}: {len(missing)} of {total} files are missing, such as "
                    f"{missing[0]}; fetch them too"
                )
            return paths
        converted = (f"{stem}/{n:04d}.parquet" for n in count())
        if existing_paths := list(takewhile(root.exists, converted)):
            return existing_paths
    return []


def parquet_table(root: Root, paths: Sequence[str], columns: Sequence[str]) -> ParquetTable:
    """The table of files that lie under a root.

    Args:
        root: a folder; members of a zip archive cannot be read in any order.
        paths: the files.
        columns: those that all of them must have.

    Raises:
        DataError: a file is damaged, or lacks a column.
    """
    if not isinstance(root, FolderRoot):
        raise DataError(f"{root.name}: parquet files in an archive are not read; unpack it")
    for path in paths:
        root.check(path)
    table = ParquetTable([Path(root.name) / path for path in paths])
    for name in columns:
        if name not in table.names:
            raise DataError(
                f"{table.paths[0]}: wanted a column {name!r}; there are "
                f"{listed(map(shown, table.names))}"
            )
        table.check(name)
    return table


def parquet_rows(table: ParquetTable, columns: Sequence[str]) -> Iterator[tuple[str, list[Any]]]:
    """The place of every row, and its cells of some columns.

    Raises:
        DataError: a part of a file is damaged.
    """
    for number in range(len(table)):
        yield table.place(number), [table.value(number, name) for name in columns]
