"""Processes that are killed and resumed, with a training that only counts its steps."""

import sys
import time
from pathlib import Path

import pytest

from gcl_spec.errors import TrainingError
from gcl_spec.run.kill_and_resume import Command, Kill, Times, break_run, unbroken_run

STEPS = 8
TRAINING = """
import os, sys, time
out, steps = sys.argv[1], int(sys.argv[2])
os.makedirs(out, exist_ok=True)
open(f"{out}/config.toml", "a").close()
with open(f"{out}/metrics.jsonl", "a+") as file:
    file.seek(0)
    for step in range(file.read().count("\\n"), steps):
        time.sleep(0.02)
        file.write(f'{{"step": {step + 1}}}\\n')
        file.flush()
time.sleep(0.05)
"""


def command(out: Path) -> Command:
    return lambda resume: [sys.executable, "-c", TRAINING, str(out), str(STEPS)]


def lines(out: Path) -> int:
    return (out / "metrics.jsonl").read_bytes().count(b"\n")


def test_an_unbroken_run_is_timed(tmp_path: Path) -> None:
    times = unbroken_run(command(tmp_path / "run"), tmp_path / "run", time.monotonic() + 120)
    assert times.lines == lines(tmp_path / "run") == STEPS
    assert min(times.made, times.step, times.finish) > 0
    assert times.whole == pytest.approx(times.made + STEPS * times.step + times.finish)


def test_a_broken_run_is_killed_so_often_and_goes_to_its_end(tmp_path: Path) -> None:
    out, kills = tmp_path / "run", list[Kill]()
    times = Times(made=0.1, step=0.02, finish=0.05, lines=STEPS)
    deadline = time.monotonic() + 240
    break_run(command(out), out, times, kills=4, seed=1, deadline=deadline, say=kills.append)
    assert len(kills) == 4
    assert lines(out) == STEPS
    assert [kill.lines for kill in kills] == sorted(kill.lines for kill in kills)


def test_a_process_that_fails_is_named_with_its_last_line(tmp_path: Path) -> None:
    failing = [sys.executable, "-c", "import sys; sys.exit('first\\nerror: no such data')"]
    with pytest.raises(TrainingError, match="ended with code 1: no such data"):
        unbroken_run(lambda resume: failing, tmp_path / "run", time.monotonic() + 120)
    silent = [sys.executable, "-c", "raise SystemExit(3)"]
    with pytest.raises(TrainingError, match="ended with code 3: it said nothing"):
        unbroken_run(lambda resume: silent, tmp_path / "run", time.monotonic() + 120)


def test_the_time_may_be_over(tmp_path: Path) -> None:
    endless = [sys.executable, "-c", "import time; time.sleep(3600)"]
    with pytest.raises(TrainingError, match="the time for the check is over"):
        unbroken_run(lambda resume: endless, tmp_path / "run", time.monotonic() + 0.2)
