"""Reports of evaluations with chosen values of every query."""

import json
from collections.abc import Sequence
from pathlib import Path

from gcl_spec.config.options import Config
from gcl_spec.evaluate.evaluation import METRICS, Report, TaskResult
from gcl_spec.run import manifest
from gcl_spec.run.folder import RunFolder


def report(values: Sequence[float], task: str = "t") -> Report:
    """One task whose queries have these values in all metrics and both pools."""
    per_query = {metric: {f"q{n}": x for n, x in enumerate(values)} for metric in METRICS}
    mean = sum(values) / len(values)
    results = [
        TaskResult(
            task, "text->image", pool, len(values), 9,
            dict.fromkeys(METRICS, (mean, mean, mean)), per_query,
        )
        for pool in ("local", "global")
    ]  # fmt: skip
    return Report(tuple(results), {})


def write_report(path: Path, values: Sequence[float], task: str = "t") -> Path:
    """The file that `gcl eval --json` writes."""
    path.write_text(json.dumps(report(values, task).to_json()))
    return path


def write_run(path: Path, values: Sequence[float] | None, config: Config | None = None) -> Path:
    """A run folder without checkpoints, whose evaluation at the end has these values.

    With None the run has not ended.
    """
    from gcl_spec.config import toml

    path.mkdir(parents=True)
    (path / "config.toml").write_text(toml.dumps(config or Config()))
    write_report(path / "before.json", values or [0.0])
    manifest.adopt(path)
    if values is not None:
        RunFolder(path).write("after.json", json.dumps(report(values).to_json()))
    return path
