"""The part of the page on small vectors, which can be replaced in a page that is there already."""

from collections.abc import Callable

from gcl_spec.evaluate.small.curve import METRIC, Curve, Measured
from gcl_spec.evaluate.small.forms import FORMS
from gcl_spec.report.charts import legend
from gcl_spec.report.pieces import escape, plain_table
from gcl_spec.report.replaced import framed, notes, with_section
from gcl_spec.report.small_chart import Line, small_chart
from gcl_spec.report.small_tables import curve_rows, meanings, pair_rows
from gcl_spec.report.tables import short_kind

__all__ = ["small_section", "with_curve"]

_MEASURED = ("global", METRIC)


def small_section(curve: Curve | None) -> str:
    """The section; an empty one where nothing was measured."""
    return framed("small", "" if curve is None else _body(curve))


def with_curve(page: str, curve: Curve) -> str | None:
    """The page with this curve in place of an earlier one, or of none.

    It is None where the page has no place for a curve, as those of older versions.
    """
    return with_section(page, "small", _body(curve))


def _body(curve: Curve) -> str:
    return (
        "<h2>Small vectors</h2>"
        '<p class="note">hit@10 in percent by the bytes of a stored vector, whose axis is '
        "logarithmic. A point is a width; dashed lines have a second look at the best by their "
        "bits. First the average over all searches, then each search, in one scale.</p>"
        f'<div class="panel">{legend(_names(curve))}{_average(curve)}</div><br>'
        f"{plain_table(curve_rows(curve))}<br>"
        f'<div class="tris wide">{_pairs(curve)}</div>'
        f"{''.join(map(plain_table, pair_rows(curve)))}"
        f"{notes('Measured', curve.origin, meanings(curve))}"
    )


def _average(curve: Curve) -> str:
    title = "Average hit@10 by the bytes of a vector, global pool"
    lines = _lines(curve, lambda one: one.report.average(*_MEASURED))
    return small_chart(title, lines, wide=True)


def _pairs(curve: Curve) -> str:
    """A chart for each kind of search, all with the same scale."""
    every = {short_kind(kind): _of_kind(curve, kind) for kind in curve.reference.report.kinds()}
    among = [value for lines in every.values() for line in lines for _, value in line.points]
    return "".join(
        f'<figure class="panel"><figcaption>{escape(name)}</figcaption>'
        f"{small_chart(f'hit@10 of {name}, global pool', lines, wide=False, among=among)}</figure>"
        for name, lines in every.items()
    )


def _of_kind(curve: Curve, kind: str) -> list[Line]:
    return _lines(curve, lambda one: one.report.value(kind, *_MEASURED))


def _names(curve: Curve) -> list[str]:
    """The forms that were measured, those with a second look last."""
    there = {one.form for one in curve.measured}
    return [name for name in FORMS if name in there]


def _lines(curve: Curve, value: Callable[[Measured], float]) -> list[Line]:
    lines = []
    for number, name in enumerate(_names(curve)):
        own = [one for one in curve.measured if one.form == name]
        again = any(one.rescored is not None for one in own)
        points = [(one.bytes, 100 * value(one)) for one in own]
        lines.append(Line(name, number, again, sorted(points)))
    return lines
