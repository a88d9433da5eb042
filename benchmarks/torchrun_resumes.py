"""Resumes by torchrun, again and again, each after a trial in which a rank was stopped for good.

    python benchmarks/torchrun_resumes.py --count 50

A trial is a `torchrun --nproc-per-node=2 ... gcl train --resume` one of whose ranks gets SIGSTOP in
the steps; the others must end by themselves and say which one it was. The resume after it must end
with code 0, every rank of it, with the weights of the run that was never broken.
"""

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import numpy as np

from gcl_spec.run import checkpoint

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "helpers"))
from tiles_on_disk import write_data

STEPS, SAVED, TIMEOUT = 60, 5, 4
SETS = (
    "model.width=4", "model.image_size=32", "train.batch_size=6", f"train.steps={STEPS}",
    f"train.save_every={SAVED}", "train.log_every=1", "train.keep=1000", f"train.timeout={TIMEOUT}",
)  # fmt: skip
WAIT = 1200  # seconds; for what hangs


def train(said: Path, *words: str) -> "subprocess.Popen[bytes]":
    """Two processes by torchrun, whose agent is a process more; what they say goes to a file."""
    launcher = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    command = [sys.executable, *launcher, "-m", "gcl_cli", "train", "--device", "cpu", *words]
    with said.open("wb") as file:
        return subprocess.Popen(
            command, stdout=file, stderr=subprocess.STDOUT,
            env={**os.environ, "OMP_NUM_THREADS": "1"}, start_new_session=True,
        )  # fmt: skip


def ended(agent: "subprocess.Popen[bytes]") -> int:
    """Its exit code; what hangs is ended, and is an error."""
    try:
        return agent.wait(WAIT)
    finally:
        if agent.poll() is None:
            os.killpg(agent.pid, signal.SIGKILL)  # of its own session: nobody else's
            agent.wait()


def ranks(agent: int) -> list[int]:
    """The processes that an agent has started."""
    return [int(x) for x in Path(f"/proc/{agent}/task/{agent}/children").read_text().split()]


def stopped(run: Path, said: Path, rank: int) -> str:
    """A resume of which one rank gets SIGSTOP in the steps: how it ended."""
    metrics = run / "metrics.jsonl"
    before, wanted = metrics.stat().st_ino, checkpoint.latest(run / "checkpoints").step + 3
    agent = train(said, "--resume", str(run))
    while metrics.stat().st_ino == before or metrics.read_bytes().count(b"\n") < wanted:
        if agent.poll() is not None:
            return "ended before it was stopped"
        time.sleep(0.02)
    children = ranks(agent.pid)
    os.kill(children[rank], signal.SIGSTOP)
    code = ended(agent)  # torchrun kills who is left
    text = said.read_text(errors="replace")
    left = [pid for pid in children if Path(f"/proc/{pid}").exists()]
    if left or code == 0 or f"process {rank} has not answered for {TIMEOUT} s" not in text:
        return f"NOT AS IT SHOULD: code {code}, left {left}\n{text[-3000:]}"
    return "the other rank said who hangs, none is left"


def resumed(run: Path, said: Path, whole: Path) -> str:
    """A plain resume: how it ended."""
    code = ended(train(said, "--resume", str(run)))
    if code:
        return f"RESUME FAILED with {code}\n{said.read_text(errors='replace')[-3000:]}"
    ours, theirs = (checkpoint.latest(x / "checkpoints").state for x in (run, whole))
    same = all(np.array_equal(ours[name], theirs[name]) for name in theirs)
    return "resumed, the same weights" if same else "RESUMED, OTHER WEIGHTS"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=50)
    parser.add_argument("--minutes", type=float, default=60.0, help="begin none after these")
    given = parser.parse_args()
    deadline = time.monotonic() + 60 * given.minutes
    outcomes: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as folder:
        whole, said = Path(folder) / "whole", Path(folder) / "said"
        values = (*SETS, f"data.path={write_data(Path(folder) / 'tiles')}",
                  f"data.cache={Path(folder) / 'cache'}")  # fmt: skip
        sets = [word for text in values for word in ("--set", text)]
        if ended(train(said, *sets, "--out", str(whole))):
            sys.exit(said.read_text())
        run = Path(folder) / "run"
        for number in range(given.count):
            if time.monotonic() > deadline:
                break
            shutil.copytree(whole, run)
            for path in sorted((run / "checkpoints").iterdir())[1 + STEPS // SAVED // 2 :]:
                path.unlink()
            for outcome in (stopped(run, said, number % 2), resumed(run, said, whole)):
                outcomes[outcome.partition("\n")[0]] += 1
                print(number, outcome, flush=True)
            shutil.rmtree(run)
    print(json.dumps(outcomes, indent=1))
    sys.exit(any(outcome[:2].isupper() for outcome in outcomes))


if __name__ == "__main__":
    main()
