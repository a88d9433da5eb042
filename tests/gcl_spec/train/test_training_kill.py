"""Kill -9 at many moments, also inside of writes; the resumed run is an unbroken one to the bit."""

import json
import subprocess
import sys
from pathlib import Path

from gcl_spec.config.toml import dumps
from gcl_spec.run.folder import RunFolder
from loop_config import fast, numbers, state, steps
from repository import HELPERS

KINDS = {
    "write", "fsync", "replace", "rename", "unlink", "chmod", "mkstemp", "mkdtemp", "step", "encode"
}  # fmt: skip


def test_killed_runs_are_unbroken_runs(data_folder: Path, tmp_path: Path) -> None:
    config = fast(
        data_folder, tmp_path / "cache", "train.eval_every=8", "train.keep_best=true",
        "train.steps=12", "train.save_every=3", "train.log_every=1",
    )  # fmt: skip
    file, folder = tmp_path / "config.toml", tmp_path / "runs"
    file.write_text(dumps(config))
    folder.mkdir()
    program = HELPERS / "kills.py"
    done = subprocess.run(
        [sys.executable, str(program), str(file), str(folder), "0", "10"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert {line["first"] for line in lines} == KINDS
    assert sum(len(line["killed"]) for line in lines) >= 20
    whole = folder / "whole"
    for line in lines:
        out = folder / line["out"]
        assert numbers(out) == numbers(whole), line
        for report in ("before.json", "after.json", "examples.json"):
            assert (out / report).read_text() == (whole / report).read_text(), (line, report)
        ours, theirs = state(out), state(whole)
        assert all(ours[name].tobytes() == theirs[name].tobytes() for name in theirs), line
        assert steps(out) == steps(whole), line
        for path in (out / "checkpoints").iterdir():
            assert path.read_bytes() == (whole / "checkpoints" / path.name).read_bytes(), line
        assert RunFolder.open(out).check(resumes=True) == [], line
        assert [p.name for p in out.rglob(".*")] == [], "nothing is left of what was half-written"
    assert [p.name for p in folder.iterdir() if p.name.startswith(".")] == []
