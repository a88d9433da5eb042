"""A process that is stopped, killed or fails: the others end by themselves and say which it was."""

import os
import re
import signal
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest

from prepared import server
from several_processes import free_port, joined
from wanted import BACKENDS

TIMEOUT = 4
# Heads on vectors, and the loss with the fewest products: what compiles soonest.
SETS = [
    "model.width=4", "model.hidden=4", "objective.preset=clip", "train.batch_size=6",
    "train.steps=1000000", "train.log_every=1", "train.save_every=1000000",
    f"train.timeout={TIMEOUT}",
]  # fmt: skip
SIZE = 2


def write_vectors(path: Path) -> Path:
    rng = np.random.default_rng(0)
    np.savez(path, **{name: rng.normal(size=(24, 4)).astype("f4") for name in ("image", "text")})
    return path


class Run:
    """The processes of a training, started one by one as by hand; all are gone after the block."""

    def __init__(self, stack: ExitStack, backend: str, folder: Path, *more: str) -> None:
        data, port = write_vectors(folder / "rows.npz"), free_port()
        sets = [*SETS, f"data.path={data}", f"data.cache={folder / 'cache'}", *more]
        words = [word for value in sets for word in ("--set", value)]
        self.logs = [folder / f"{rank}.log" for rank in range(SIZE)]
        self.children = []
        self.folder = folder
        self._metrics = folder / "run" / "metrics.jsonl"
        for rank, log in enumerate(self.logs):
            file = stack.enter_context(log.open("w"))
            child = server(backend).start(
                ["-m", "gcl_cli", "train", "--recipe", "adapter", "--backend", backend, *words,
                 "--device", "cpu" if backend == "torch" else "cpu:0", "--out", "run"],
                cwd=folder, env={**os.environ, **joined(backend, rank, SIZE, port)},
                stdout=file, stderr=file,
            )  # fmt: skip
            self.children.append(child)
            stack.callback(child.wait)
            stack.callback(child.kill)

    def wait_for_steps(self) -> None:
        deadline = time.monotonic() + 240
        while not (self._metrics.exists() and self._metrics.read_bytes().count(b"\n") >= 2):
            assert time.monotonic() < deadline
            assert [child.poll() for child in self.children] == [None] * SIZE, self.said()
            time.sleep(0.05)

    def said(self) -> list[str]:
        return [log.read_text() for log in self.logs]

    def end_of(self, rank: int) -> tuple[int, str]:
        """Its exit code and its last line."""
        code = self.children[rank].wait(timeout=240)
        lines = self.logs[rank].read_text().splitlines()
        return code, next((line for line in reversed(lines) if line.startswith("error:")), "")


Trouble = tuple[str, int, signal.Signals]
STOPPED: list[Trouble] = [(name, rank, signal.SIGSTOP) for name in BACKENDS for rank in range(SIZE)]
KILLED: list[Trouble] = [(name, 1, signal.SIGKILL) for name in BACKENDS]


def named(trouble: Trouble) -> str:
    name, rank, number = trouble
    return f"{name}-{rank}-{number.name}"


@pytest.fixture(scope="module")
def troubled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[Trouble, Run]]:
    """A training for each trouble, one process of which is in it.

    All of them wait at once, since most of the time is waiting.
    """
    with ExitStack() as stack:
        runs = {}
        for trouble in (*STOPPED, *KILLED):
            name, rank, number = trouble
            runs[trouble] = Run(stack, name, tmp_path_factory.mktemp("run"))
            runs[trouble].wait_for_steps()
            runs[trouble].children[rank].send_signal(number)
        yield runs


@pytest.mark.parametrize("trouble", [*KILLED, *STOPPED], ids=named)
def test_the_others_end_and_say_which_it_was(
    troubled: dict[Trouble, Run], trouble: Trouble
) -> None:
    (_, rank, number), run = trouble, troubled[trouble]
    code, said = run.end_of(1 - rank)
    text = "\n".join(run.said())
    assert code == 1, text
    why = "has gone" if number == signal.SIGKILL else f"has not answered for {TIMEOUT} s"
    assert said.startswith(f"error: process {1 - rank} of 2 cannot go on: process {rank} {why}")
    assert "Traceback" not in text
    if number == signal.SIGSTOP:
        run.children[rank].send_signal(signal.SIGCONT)
        run.children[rank].wait(timeout=240)  # whom nobody waits for ends, too
        assert "Traceback" not in "\n".join(run.said())
    config = (run.folder / "run" / "config.toml").read_text()
    assert re.search(rf"timeout = {TIMEOUT}\.0", config)


def test_a_signal_to_one_is_no_failure(backend_name: str, tmp_path: Path) -> None:
    with ExitStack() as stack:
        run = Run(stack, backend_name, tmp_path)
        run.wait_for_steps()
        run.children[1].send_signal(signal.SIGTERM)  # stops all, after the same step
        assert [run.end_of(rank) for rank in range(SIZE)] == [(130, ""), (130, "")], run.said()
