"""The tables of small vectors, for terminals of 80 columns."""

from collections.abc import Iterator

from gcl_spec.evaluate.small.curve import METRIC, Curve, Measured
from gcl_spec.evaluate.small.forms import FORMS
from gcl_spec.report.tables import short_kind, tie_width

__all__ = ["curve_rows", "meanings", "pair_rows"]

_KINDS = 5
"""How many kinds of search stand side by side in a table."""


def curve_rows(curve: Curve) -> list[list[str]]:
    """Headings, then a row for each form and width by bytes: average hit@10 in percent.

    What is lost is that against whole rows in float32, in points.
    """
    rows = [["form", "dims", "bytes", "global", "lost", "local", "lost", "rescored"]]
    for one in curve.measured:
        cells = [one.form, str(one.dims), str(one.bytes)]
        for pool in ("global", "local"):
            value = one.report.average(pool, METRIC)
            lost = curve.reference.report.average(pool, METRIC) - value
            cells += [f"{100 * value:.1f}", f"{round(100 * lost, 1) + 0.0:.1f}"]  # no -0.0
        rows.append([*cells, "" if one.rescored is None else f"{one.rescored:.1f}"])
    return rows


def pair_rows(curve: Curve) -> list[list[list[str]]]:
    """hit@10 of every kind of search in the global pool, in percent; a table for five kinds."""
    kinds = curve.reference.report.kinds()
    tables = []
    for start in range(0, len(kinds), _KINDS):
        some = kinds[start : start + _KINDS]
        rows = [["form and dims", *map(short_kind, some)]]
        rows += [[_name(one), *(_hit(one, kind) for kind in some)] for one in curve.measured]
        tables.append(rows)
    return tables


def meanings(curve: Curve) -> Iterator[str]:
    """Lines on the forms, on queries, and on ties."""
    for name in dict.fromkeys(one.form for one in curve.measured):
        yield f"{name}: {FORMS[name].meaning}"
    if any(one.rescored is not None for one in curve.measured):
        yield "rescored: candidates of a query that were ordered again, as far ones as the last too"
    widest = max(curve.measured, key=lambda one: tie_width(one.report))
    yield (
        f"ties move hit@10 by at most {100 * tie_width(widest.report):.1f} points "
        f"({_name(widest)}); the values are expected ones"
    )


def _name(one: Measured) -> str:
    return f"{one.form} {one.dims}"


def _hit(one: Measured, kind: str) -> str:
    return f"{100 * one.report.value(kind, 'global', METRIC):.1f}"
