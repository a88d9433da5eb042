"""What the runs of an ablation have left."""

import json
from pathlib import Path

from gcl_spec.ablate.results import CALIBRATED, calibrated, failure_note, reason_of, reports_of
from gcl_spec.run.folder import RunFolder
from reports import report, write_run


def test_nothing_is_there_before_a_run_has_ended(tmp_path: Path) -> None:
    assert reports_of(tmp_path / "seed-0") == {}
    assert reports_of(write_run(tmp_path / "seed-1", None)) == {}


def test_the_evaluation_at_the_end_and_those_by_calibration(tmp_path: Path) -> None:
    run = write_run(tmp_path / "seed-0", [1.0, 0.0])
    assert reports_of(run) == {"none": report([1.0, 0.0])}
    assert calibrated(run) == {}
    found = {"none": report([1.0, 0.0]), "mean": report([1.0, 1.0])}
    text = json.dumps({name: one.to_json() for name, one in found.items()})
    RunFolder(run).write(CALIBRATED, text)
    assert reports_of(run) == calibrated(run) == found


def test_the_reason_stands_beside_the_folder(tmp_path: Path) -> None:
    run = tmp_path / "seed-0"
    assert reason_of(run) == ""
    assert failure_note(run).parent == tmp_path
    failure_note(run).write_text("no memory\n")
    assert reason_of(run) == "no memory"
