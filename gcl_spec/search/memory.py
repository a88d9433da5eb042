"""The memory that a search may use, and how it is divided."""

import re
from typing import NamedTuple

from gcl_spec.errors import ConfigError, InputError

__all__ = ["Plan", "memory_bytes", "plan"]

_UNITS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "ki": 2**10, "mi": 2**20, "gi": 2**30}
_TEXT = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([kmg]i?)?b?\s*", re.IGNORECASE)
_BLOCK = 1024
_CHUNK = 8192
_PIECE = 2**20
_LEAST_ROWS = 16
# Bytes of a pair: in the product of a chunk (float32, a mark, a place), and in a piece (float64
# products, places, queries, rows, scores and what sorting them takes).
_OF_PRODUCT, _OF_PIECE = 13, 96
# Bytes of a result: score, id, and the same of as many offers while they are sorted together.
_OF_RESULT = 96
# Bytes of everything else, such as slices of pairs.
_OF_ALL = 4 * 2**20


class Plan(NamedTuple):
    """The sizes that keep a search within its memory; none changes a result."""

    block: int
    """The queries whose products are made together."""
    rows: int
    """The rows of a chunk."""
    piece: int
    """The pairs that are looked at together where many must be."""


def memory_bytes(memory: int | str) -> int:
    """The bytes of a text such as "1.5 GB" or "512 MiB", or of a number.

    Raises:
        ConfigError: it is no such text.

    >>> memory_bytes("1.5 GB"), memory_bytes("512MiB")
    (1500000000, 536870912)
    """
    if isinstance(memory, int):
        return memory
    match = _TEXT.fullmatch(memory)
    if match is None:
        raise ConfigError(f"memory {memory!r} is no size; wanted one such as 1GB or 512MiB")
    return int(float(match[1]) * _UNITS[(match[2] or "").lower()])


def plan(memory: int, queries: int, width: int, k: int, itemsize: int) -> Plan:
    """Sizes with which a search allocates at most `memory` bytes beside its arguments.

    Args:
        memory: the bytes.
        queries: the number of queries.
        width: the numbers of a row.
        k: the candidates to find for each query.
        itemsize: the bytes of a number of a row in a chunk.

    Raises:
        InputError: it is too little for the queries and their results.
    """
    block = max(1, min(queries, _BLOCK))
    # The scaled queries, the results, and a block while its results are sorted.
    fixed = queries * (4 * width + 24 * k) + block * (8 * width + _OF_RESULT * k) + _OF_ALL
    # A pair of a piece, with its share of the piece's rows in float64.
    of_pair = _OF_PIECE + 16 * width // block + 1
    # Two chunks in their own dtype, and in float32 where they must be scaled.
    of_row = 2 * width * (itemsize + 4) + block * _OF_PRODUCT + 64
    spare = memory - fixed - block * of_pair - _LEAST_ROWS * of_row
    if spare < 0:
        raise InputError(
            f"a search of {queries} queries, {width} wide, for {k} candidates each needs more "
            f"memory than {memory // 10**6} MB; give about {(memory - spare) // 10**6 + 1} MB, or "
            "fewer queries at a time"
        )
    piece = min(_PIECE, block + spare // (4 * of_pair))
    spare -= (piece - block) * of_pair
    return Plan(block, min(_LEAST_ROWS + spare // of_row, _CHUNK), piece)
