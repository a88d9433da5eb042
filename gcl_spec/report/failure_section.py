"""The section of the page on what the model gets wrong."""

from collections.abc import Mapping

from gcl_spec.evaluate.failures import Failure, Failures, Preferred
from gcl_spec.objective import in_order
from gcl_spec.report.pieces import ReadImage, escape, item_card, plain_table
from gcl_spec.report.tables import short_kind

__all__ = ["failure_section"]


def failure_section(failures: Failures | None, read_image: ReadImage) -> str:
    """The section on modalities that wrongly stand first, and the worst failures; "" for none."""
    if failures is None or not failures.worst():
        return ""
    return (
        "<h2>What goes wrong</h2>"
        '<p class="note">Of the queries of each search, in the global pool: the share with a wrong '
        "candidate in the first place, by the modality of that candidate. A space without a gap "
        "prefers no modality that was not asked for.</p>"
        f"{_table(failures.preferred())}"
        '<p class="note">The worst failures of each search, after the run: the query, what it '
        "should have found, and what stands first.</p>"
        f'<div class="panel">{"".join(_failure(x, read_image) for x in failures.worst())}</div>'
    )


def _table(preferred: Mapping[str, Preferred]) -> str:
    names = in_order({name for one in preferred.values() for name in one.wrong})
    rows = [["search", "queries", *(f"{name} first" for name in names), "right first"]]
    for kind, (queries, wrong) in preferred.items():
        shares = [100 * wrong.get(name, 0) / queries for name in names]
        right = 100 * (1 - sum(wrong.values()) / queries)
        numbers = [f"{share:.1f} %" for share in (*shares, right)]
        rows.append([short_kind(kind), str(queries), *numbers])
    return plain_table(rows)


def _failure(failure: Failure, read_image: ReadImage) -> str:
    wanted = item_card(failure.right, read_image, hit=True)
    nearest = "".join(
        item_card(item, read_image, hit)
        for item, hit in zip(failure.found, failure.relevant, strict=True)
    )
    return (
        f'<div class="example"><div>{item_card(failure.query, read_image)}</div><div>'
        f'<p class="note">{escape(short_kind(failure.kind))}: the first right one has rank '
        f"{failure.rank} of {failure.candidates}; first stands: "
        f"{escape(failure.found[0].modality)}</p>"
        f'<div class="strip"><em>wanted</em>{wanted}</div>'
        f'<div class="strip"><em>found</em>{nearest}</div></div></div>'
    )
