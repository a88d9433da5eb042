"""Metrics of a model on tasks, and whether two models differ by more than chance.

Start reading at `evaluation`; `significance` compares two reports, `examples` shows some queries.
The names here are imported when they are first used.
"""

from typing import TYPE_CHECKING

from gcl_spec._lazy import lazy

if TYPE_CHECKING:
    from gcl_spec.evaluate.evaluation import METRICS, Report, TaskResult, evaluate

__all__ = [
    "METRICS",
    "Report",
    "TaskResult",
    "evaluate",
]

__getattr__, __dir__ = lazy(
    __name__,
    {
        "METRICS": "evaluation",
        "Report": "evaluation",
        "TaskResult": "evaluation",
        "evaluate": "evaluation",
    },
)
