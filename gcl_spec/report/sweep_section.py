"""The part of the page on a sweep, which can be replaced in a page that is there already."""

from collections.abc import Sequence

from gcl_spec.evaluate.sweeps.result import Sweep
from gcl_spec.report.pieces import escape, plain_table
from gcl_spec.report.replaced import framed, notes, with_section
from gcl_spec.report.sweep_plot import Plot, excess_plots, hit_plots, triangle
from gcl_spec.report.sweep_tables import summary, sweep_rows

__all__ = ["section", "with_sweep"]


def section(sweep: Sweep | None) -> str:
    """The section; an empty one where there was no sweep."""
    return framed("sweep", "" if sweep is None else _body(sweep))


def with_sweep(page: str, sweep: Sweep) -> str | None:
    """The page with this sweep in place of an earlier one, or of none.

    It is None where the page has no place for a sweep, as those of older versions.
    """
    return with_section(page, "sweep", _body(sweep))


def _body(sweep: Sweep) -> str:
    shown = len(sweep.modalities) == 3
    return (
        "<h2>Pools of every composition</h2>"
        '<p class="note">The same concepts stand in each pool, each as one modality; only the '
        "shares of the modalities change.</p>"
        f"{_hits(sweep) if shown else ''}"
        f"{plain_table(sweep_rows(sweep))}{notes('Swept', sweep.origin, summary(sweep))}"
        f"{_excess(sweep) if shown else ''}"
    )


def _hits(sweep: Sweep) -> str:
    return (
        '<p class="note">Each cell is a composition, in percent. At a corner all concepts stand as '
        'its modality. Frames: <b class="best">best</b> and <b class="worst">worst</b> mean.</p>'
        f'<div class="tris wide">{_triangles(sweep, hit_plots(sweep))}</div>'
    )


def _excess(sweep: Sweep) -> str:
    return (
        '<p class="note">How much of the first ten has the modality of the query, above its share '
        "of the pool, in points: 0 where the modality does not matter.</p>"
        f'<div class="tris">{_triangles(sweep, excess_plots(sweep), signed=True)}</div>'
    )


def _triangles(sweep: Sweep, plots: Sequence[Plot], *, signed: bool = False) -> str:
    return "".join(
        f'<figure class="panel"><figcaption>{escape(plot.title)}</figcaption>'
        f"{triangle(sweep, plot, signed=signed)}</figure>"
        for plot in plots
    )
