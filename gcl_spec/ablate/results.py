"""What the runs of an ablation have left: evaluations, or why there are none."""

from pathlib import Path
from typing import Any

from gcl_spec._files.reading import read_regular
from gcl_spec.evaluate.ablated import NONE
from gcl_spec.evaluate.evaluation import Report
from gcl_spec.run import manifest
from gcl_spec.run.folder import RunFolder

__all__ = ["CALIBRATED", "calibrated", "failure_note", "reason_of", "reports_of"]

CALIBRATED = "calibrated.json"
"""The file of a run with its evaluations by calibration."""


def calibrated(run: Path) -> dict[str, Report]:
    """The evaluations of a run in an ablation by calibration, "none" first; {} before them.

    Raises:
        CheckpointError: the file is not as it was written.
        DataError: it holds no evaluations.
    """

    def of(content: Any) -> dict[str, Report]:
        return {str(name): Report.from_json(one) for name, one in content.items()}

    made = manifest.stored(run, CALIBRATED) is not None
    return RunFolder.open(run).parsed(CALIBRATED, of, "evaluations") if made else {}


def reports_of(run: Path) -> dict[str, Report]:
    """The evaluations of a run by calibration, as far as they are there; errors as `calibrated`."""
    if manifest.stored(run, "after.json") is None:
        return {}
    return {NONE: RunFolder.open(run).report("after"), **calibrated(run)}


def failure_note(run: Path) -> Path:
    """The file beside a run's folder that says why it could not be trained."""
    return run.with_name(f"{run.name}.failed")


def reason_of(run: Path) -> str:
    """Why a run could not be trained; "" where it could."""
    note = failure_note(run)
    return read_regular(note).decode(errors="replace").strip() if note.is_file() else ""
