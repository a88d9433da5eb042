"""Which rows of each shard a search keeps, by their ids and modalities."""

from collections.abc import Collection, Sequence
from itertools import pairwise

import numpy as np

from gcl_spec._typing import IntArray
from gcl_spec._words import nearest
from gcl_spec.errors import InputError

__all__ = ["in_modalities", "kept_by_id", "refuse_equal_ids"]


def refuse_equal_ids(ids: Sequence[IntArray | range]) -> None:
    """Raise an `InputError` if an id stands twice, in one shard or in two.

    Args:
        ids: the ids of each shard, (C,).
    """
    if all(isinstance(part, range) for part in ids):
        ranges = sorted((part[0], part[-1]) for part in ids if len(part))
        twice = [b[0] for a, b in pairwise(ranges) if b[0] <= a[1]]
    else:
        every = np.sort(np.concatenate([np.asarray(part, np.int64) for part in ids]))
        twice = every[1:][every[1:] == every[:-1]].tolist()
    if twice:
        raise InputError(f"two candidates have the id {twice[0]}; give every row its own")


def kept_by_id(ids: Sequence[IntArray | range], wanted: IntArray | None) -> list[IntArray | None]:
    """The numbers of the kept rows of each shard, (N,) each, ascending; None: all.

    Args:
        ids: the ids of each shard, (C,).
        wanted: the ids to keep, any shape; None: all.

    Raises:
        InputError: an id of the filter is that of no row.
    """
    if wanted is None:
        return [None] * len(ids)
    given = np.asarray(wanted)
    if given.size and given.dtype.kind not in "iu":
        raise InputError(f"the ids to keep are {given.dtype}; wanted integers")
    ids_N = np.unique(given.astype(np.int64))
    kept: list[IntArray | None] = []
    missing_N = np.ones(len(ids_N), bool)
    for part in ids:
        if isinstance(part, range):
            low, high = np.searchsorted(ids_N, [part.start, part.stop])
            kept.append(ids_N[low:high] - part.start)
            missing_N[low:high] = False
        else:
            kept.append(np.flatnonzero(np.isin(part, ids_N)))
            missing_N &= ~np.isin(ids_N, part)
    if missing_N.any():
        raise InputError(
            f"{np.count_nonzero(missing_N)} ids of the filter are those of no candidate, "
            f"such as {ids_N[missing_N][0]}"
        )
    return kept


def in_modalities(
    kept: Sequence[IntArray | None],
    given: Sequence[str | Sequence[str]],
    counts: Sequence[int],
    wanted: Collection[str],
) -> list[IntArray | None]:
    """The kept rows that have one of the wanted modalities, (N,) for each shard.

    Args:
        kept: the numbers of the kept rows of each shard, (N,); None: all.
        given: the modality of each shard, or those of its rows.
        counts: the rows of each shard.
        wanted: names of modalities.

    Raises:
        InputError: a name is that of no row, or a shard has not one modality a row.
    """
    names = {wanted} if isinstance(wanted, str) else set(wanted)
    there: set[str] = set()
    matches: list[IntArray | None] = []
    for number, (rows, modality, count) in enumerate(zip(kept, given, counts, strict=True)):
        if isinstance(modality, str):
            there.add(modality)
            matches.append(rows if modality in names else np.empty(0, np.int64))
            continue
        each_C = np.asarray(modality)
        if each_C.shape != (count,):
            raise InputError(f"shard {number} has {count} rows and {len(modality)} modalities")
        there.update(np.unique(each_C).tolist())
        match = np.flatnonzero(np.isin(each_C, sorted(names)))
        matches.append(match if rows is None else np.intersect1d(rows, match))
    for name in sorted(names - there):
        raise InputError(
            f"no candidate has the modality {name!r}{nearest(name, tuple(there))}; "
            f"there are {', '.join(map(repr, sorted(there)))}"
        )
    return matches
