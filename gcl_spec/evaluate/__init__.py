"""Metrics of a model on tasks, and whether two models differ by more than chance.

Start reading at `evaluation`; `significance` compares two reports, `examples` shows some queries.
"""

from gcl_spec.evaluate.evaluation import METRICS, Report, TaskResult, evaluate

__all__ = [
    "METRICS",
    "Report",
    "TaskResult",
    "evaluate",
]
