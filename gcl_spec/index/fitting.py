"""The ranges of int8 codes, which a new index learns from rows."""

from dataclasses import replace

from gcl_spec._typing import FloatArray
from gcl_spec.errors import ConfigError
from gcl_spec.index.about import About, side_by_side
from gcl_spec.search.quantise import int8_ranges

__all__ = ["LEAST_ROWS", "beside", "fitted"]

LEAST_ROWS = 100
"""sentence-transformers warns of fewer (`quantize_embeddings`, precision="int8")."""


def beside(about: About, rows_ND: FloatArray) -> dict[str, FloatArray]:
    """The rows (N, D) of each column, of rows (N, D + ...) that have them side by side.

    Args:
        about: the index.
        rows_ND: the rows.
    """
    columns = about.columns().values()
    parts = side_by_side([width for _, width in columns])
    return {name: rows_ND[:, part] for (name, _), part in zip(columns, parts, strict=True)}


def fitted(about: About, rows_ND: FloatArray) -> About:
    """The same `About` with the ranges of rows, where the index stores int8 codes.

    Args:
        about: a new index.
        rows_ND: rows like those that it gets, those of calibrations beside them, (N, D + ...).

    Raises:
        ConfigError: there are too few rows to learn ranges from.
    """
    if about.codes is None or about.codes.form != "int8":
        return about
    if len(rows_ND) < LEAST_ROWS:
        raise ConfigError(
            f"--dtype int8 learns the ranges of numbers from {LEAST_ROWS} items or more, and here "
            f"are {len(rows_ND)}; take --dtype float16"
        )
    ranges = {}
    for name, part_ND in beside(about, rows_ND).items():
        low, high = int8_ranges(part_ND).tolist()
        ranges[name] = low, high
    return replace(about, ranges=ranges)
