"""The lines of metrics.jsonl."""

import json
from collections.abc import Sequence
from typing import Any

__all__ = ["FIGURE", "best_step", "parse"]

FIGURE = "val_hit@10"
"""The figure by which validation finds the best step."""


def parse(content: bytes) -> list[dict[str, Any] | None]:
    """The values of each line, None for one that a crash or power cut has damaged.

    >>> parse(b'{"step": 1}' + b"\\n" + b'{"step": 2, "lo')
    [{'step': 1}, None]
    """
    records = []
    for line in content.splitlines(keepends=True):
        try:
            values = json.loads(line) if line.endswith(b"\n") else None
        except (ValueError, RecursionError):
            values = None
        whole = isinstance(values, dict) and isinstance(values.get("step"), int)
        records.append(values if whole else None)
    return records


def best_step(lines: Sequence[dict[str, Any] | None]) -> int | None:
    """The step with the best figure, the first of equal ones, as training keeps it.

    It is None where there was no evaluation.
    """
    figures = [line for line in lines if line is not None and FIGURE in line]
    if not figures:
        return None
    return int(max(figures, key=lambda line: float(line[FIGURE]))["step"])
