"""Metrics of a model on tasks, and whether two models differ."""

from gcl_spec.evaluate.evaluation import METRICS, Report, TaskResult, evaluate

__all__ = [
    "METRICS",
    "Report",
    "TaskResult",
    "evaluate",
]
