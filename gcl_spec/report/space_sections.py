"""The sections of the page on the training and on the space that it makes."""

from collections.abc import Mapping, Sequence
from typing import Any

from gcl_spec.evaluate.projection import Projection
from gcl_spec.report.charts import Points, legend, line_chart, scatter

__all__ = ["RANK", "space_section", "training_section"]

RANK = "val_effective_rank"
"""The name in metrics.jsonl of the effective rank of the validation items."""


def training_section(metrics: Sequence[Mapping[str, Any]]) -> str:
    """Charts over the steps: loss, loss of each direction, gap, several scales or biases, and rank.

    The rank is that of the validation items alone: other items, such as those of the tests at the
    start and at the end, have another one in the same space.

    Args:
        metrics: the lines of metrics.jsonl.
    """
    charts = {
        "Training loss": line_chart("training loss", {"loss": _points(metrics, "loss")}),
        "Loss of each direction": line_chart(
            "loss of each direction", _with_prefix(metrics, "loss/")
        ),
        "Modality gap in the batches": line_chart(
            "modality gap in the batches", _with_prefix(metrics, "gap/")
        ),
        "Scales (1 / temperature)": line_chart("scales", _with_prefix(metrics, "scale/"), digits=1),
        "Biases of the logits": line_chart("biases of the logits", _with_prefix(metrics, "bias/")),
        "Effective rank of the validation items": line_chart(
            "effective rank of the validation items", {"rank": _points(metrics, RANK)}, digits=0
        ),
    }
    return "".join(f"<h2>{title}</h2>{chart}" for title, chart in charts.items() if chart)


def space_section(before: Projection | None, after: Projection | None) -> str:
    """Pairs on the plane in which their embeddings vary most, before and after."""
    panels = []
    for name, projection in (("before", before), ("after", after)):
        if projection is not None:
            x, y = (f"{100 * share:.0f} %" for share in projection.shares)
            panels.append(
                f'<div class="panel"><p class="note">{name}: the axes hold {x} and {y} of the '
                f"variance</p>{scatter(f'pairs in the space {name}', projection.points)}</div>"
            )
    if not panels:
        return ""
    names = [
        *dict.fromkeys(
            name for projection in (before, after) if projection for name in projection.points
        )
    ]
    return (
        '<p class="note">Some pairs on their first two principal components; a line joins the '
        "embeddings of one pair. With a modality gap, colours lie apart.</p>"
        f'{legend(names)}<div class="pools">{"".join(panels)}</div><br>'
    )


def _points(metrics: Sequence[Mapping[str, Any]], key: str) -> Points:
    return [(float(line["step"]), float(line[key])) for line in metrics if key in line]


def _with_prefix(metrics: Sequence[Mapping[str, Any]], prefix: str) -> dict[str, Points]:
    keys = dict.fromkeys(key for line in metrics for key in line if key.startswith(prefix))
    return {key.removeprefix(prefix): _points(metrics, key) for key in keys}
