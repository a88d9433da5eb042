"""Metrics of a model on tasks, and whether two models differ by more than chance.

Start reading at `evaluation`; `significance` compares two reports, `examples` shows some queries.
The names here are imported when they are first used.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gcl_spec.evaluate.evaluation import METRICS, Report, TaskResult, evaluate

__all__ = [
    "METRICS",
    "Report",
    "TaskResult",
    "evaluate",
]

_HOMES = {
    "METRICS": "evaluation",
    "Report": "evaluation",
    "TaskResult": "evaluation",
    "evaluate": "evaluation",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'gcl_spec.evaluate' has no attribute {name!r}")
    return getattr(import_module(f"gcl_spec.evaluate.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
