"""The page of several runs that differ in their seed alone."""

from collections.abc import Mapping, Sequence
from statistics import fmean, stdev

from gcl_spec.evaluate.evaluation import Report
from gcl_spec.report.comparison_tables import seed_rows
from gcl_spec.report.pieces import escape, figure_card, page, plain_table

__all__ = ["seeds_page"]

_POOLS = ("global", "local")


def seeds_page(
    title: str, before: Mapping[str, Report], after: Mapping[str, Report], pages: Sequence[str] = ()
) -> str:
    """Means and deviations over seeds, before and after, and each run by itself.

    Args:
        title: the name of the folder.
        before, after: evaluations of the same tasks, by the name of the run.
        pages: the names of runs that have a page of their own.
    """
    count = len(after)
    cards = "".join(_card(pool, list(before.values()), list(after.values())) for pool in _POOLS)
    return page(
        title,
        [
            f"<h1>{escape(title)}</h1>",
            f'<p class="lead">Generalized contrastive learning: {count} runs that differ in their '
            "seed alone. Values are hit@10 in percent, mean +- standard deviation over the "
            "runs.</p>",
            f'<div class="cards">{cards}</div>',
            "<h2>After the runs</h2>",
            plain_table(seed_rows(list(after.values()))),
            "<h2>Before</h2>",
            plain_table(seed_rows(list(before.values()))),
            "<h2>Each run</h2>",
            plain_table(_runs(after)),
            *(
                f'<p class="note"><a href="{escape(name)}/report.html">{escape(name)}</a></p>'
                for name in pages
            ),
        ],
    )


def _card(pool: str, before: Sequence[Report], after: Sequence[Report]) -> str:
    first, last = (
        [100 * r.average(pool, "hit@10") for r in reports] for reports in (before, after)
    )
    spread = f" ± {stdev(last):.2f}" if len(last) > 1 else ""
    value, label = f"{fmean(last):.1f}{spread}", f"average hit@10, {pool} pool"
    return figure_card(value, label, fmean(first), fmean(last), 1)


def _runs(after: Mapping[str, Report]) -> list[list[str]]:
    rows = [["run", *(f"{pool} hit@10" for pool in _POOLS)]]
    for name, report in after.items():
        rows.append([name, *(f"{100 * report.average(pool, 'hit@10'):.1f}" for pool in _POOLS)])
    return rows
