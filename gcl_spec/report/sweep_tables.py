"""The table of a sweep, for terminals of 80 columns and for the page."""

from collections.abc import Iterator
from math import isnan

from gcl_spec.evaluate.sweeps.result import Measured, Sweep
from gcl_spec.report.tables import short

__all__ = ["summary", "sweep_rows"]

_MOST = 16


def sweep_rows(sweep: Sweep) -> list[list[str]]:
    """Headings, then rows of corners, middles of edges, centre, mixed, worst and best, in percent.

    The columns are the composition, hit@10 in the mean and by the queries' modality, and which
    modality how much of the first ten is of, in the mean over the queries' modalities. With more
    than three modalities there are hits alone, which fit into 80 columns.
    """
    every = len(sweep.modalities) <= 3
    names = [short(name) for name in sweep.modalities]
    head = [":".join(names), "hit@10", *(f"by {name}" for name in names)]
    rows = [[*head, *([f"top 10 {names[0]}", *names[1:]] if every else []), ""]]
    worst, best = sweep.worst, sweep.best
    for one in _shown(sweep):
        hits = [one.hit[name][1] if name in one.hit else None for name in sweep.modalities]
        marks = [word for word, extreme in (("worst", worst), ("best", best)) if one is extreme]
        value = None if isnan(one.value) else one.value
        shares = [None if isnan(share) else share for share in one.shares if every]
        rows.append([one.name, *map(_percent, (value, *hits, *shares)), " ".join(marks)])
    return rows


def summary(sweep: Sweep) -> Iterator[str]:
    """Lines on the worst and best composition, ties, and what was not asked."""
    worst, best = sweep.worst, sweep.best
    order = ":".join(short(name) for name in sweep.modalities)
    yield (
        f"{len(sweep.measured)} compositions {order}: worst {_percent(worst.value)} at "
        f"{worst.name}, best {_percent(best.value)} at {best.name}, spread "
        f"{100 * sweep.spread:.1f}"
    )
    draws = max(one.draws for one in sweep.measured)
    yield (
        f"{sweep.concepts} concepts in every pool, {draws} draws of each composition; "
        f"{len(sweep.queries)} queries; by chance {100 * 10 / sweep.concepts:.1f}"
    )
    width = max(100 * (one.band[2] - one.band[0]) for one in sweep.measured if not isnan(one.value))
    yield f"ties move hit@10 by at most {width:.1f} points; the values are expected ones"
    for note in sweep.notes:
        yield f"note: {note}"


def _shown(sweep: Sweep) -> list[Measured]:
    """All compositions where they are few, else those to compare, with the worst and the best."""
    every = sweep.measured
    if len(every) <= _MOST:
        return list(every)
    kinds = [_kind(one) for one in every]
    some = [one for kind in range(4) for one, k in zip(every, kinds, strict=True) if k == kind][
        :_MOST
    ]
    return [*some, *(one for one in (sweep.worst, sweep.best) if one not in some)]


def _kind(one: Measured) -> int:
    """The kind of a composition.

    It is 0 for a corner, 1 for the middle of an edge, 2 for the centre, 3 for 70:20:10, else 4.
    """
    parts = sorted(weight for weight in one.composition.weights if weight)
    if len(parts) == 1:
        return 0
    if len(parts) == 2 and parts[0] == parts[1]:
        return 1
    if parts == [1] * len(one.counts):
        return 2
    return 3 if parts == [1, 2, 7] else 4


def _percent(value: float | None) -> str:
    return "-" if value is None else f"{100 * value:.1f}"
