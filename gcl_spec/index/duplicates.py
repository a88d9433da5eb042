"""Groups of items whose rows are nearly equal."""

from typing import NamedTuple

import numpy as np

from gcl_spec._typing import AnyArray, FloatArray, IntArray
from gcl_spec.errors import ConfigError
from gcl_spec.index.exact import HeldRows
from gcl_spec.index.table import Table
from gcl_spec.progress import Reporter

__all__ = ["Group", "duplicates"]

_BLOCK = 512
_MOST = 200_000


class Group(NamedTuple):
    """Items that are nearly equal, directly or through others of the group.

    score: the least score that joined one of them to another.
    """

    modality: str
    ids: tuple[str, ...]
    images: tuple[str | None, ...]
    score: float


def duplicates(table: Table, least: float, reporter: Reporter) -> list[Group]:
    """The groups of items of one modality with a score of `least` or more, the largest first.

    Args:
        table: that of the index; where it holds codes alone, scores are those of codes.
        least: the least score of two items, in (0, 1].
        reporter: hears of progress.

    Raises:
        ConfigError: there are too many items to compare all pairs.
    """
    count = len(table)
    if count > _MOST:
        raise ConfigError(
            f"{count:,} items are too many to compare all pairs of; at most {_MOST:,} are"
        )
    column = table.nearest_rows("vector")
    held = HeldRows.load(table, column)
    groups: list[Group] = []
    done = 0
    for name in sorted(set(held.modality_C.tolist())):
        place_N = np.flatnonzero(held.modality_C == name)
        label_N, score_N = _joined(
            table.decoded(column, held.rows_CD[place_N]), least, (done, count), reporter
        )
        done += len(place_N)
        groups += _groups(held, name, place_N, label_N, score_N)
    return sorted(groups, key=lambda x: (-len(x.ids), x.ids))


def _joined(
    rows_ND: AnyArray, least: float, before: tuple[int, int], reporter: Reporter
) -> tuple[IntArray, FloatArray]:
    """For each row the least row that it is joined with, and the least score that joined it."""
    unit_ND = rows_ND.astype(np.float32)
    unit_ND /= np.maximum(np.linalg.norm(unit_ND, axis=1, keepdims=True), 1e-12)
    label_N, score_N = np.arange(len(unit_ND)), np.ones(len(unit_ND), np.float32)
    done, total = before
    for start in range(0, len(unit_ND), _BLOCK):
        block_BN = unit_ND[start : start + _BLOCK] @ unit_ND[start:].T
        reporter.update("compare", done + start, total)
        for row, scores_N in enumerate(block_BN):
            near = start + np.flatnonzero(scores_N >= least - 1e-6)
            near = near[near > start + row]
            if not len(near):
                continue
            score_N[near] = np.minimum(score_N[near], scores_N[near - start])
            labels = np.unique(label_N[[start + row, *near]])
            if len(labels) > 1:
                label_N[np.isin(label_N, labels)] = labels[0]
    reporter.update("compare", done + len(unit_ND), total)
    return label_N, score_N


def _groups(
    held: HeldRows, name: str, place_N: IntArray, label_N: IntArray, score_N: FloatArray
) -> list[Group]:
    order_N = np.argsort(label_N, kind="stable")
    bounds = np.flatnonzero(np.diff(label_N[order_N])) + 1
    groups = []
    for part in np.split(order_N, bounds):
        if len(part) > 1:
            rows = held.payload.take(place_N[part]).to_pylist()
            ids, images = (tuple(row[x] for row in rows) for x in ("id", "image"))
            groups.append(Group(name, ids, images, round(float(score_N[part].min()), 6)))
    return groups
