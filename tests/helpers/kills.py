"""Runs that kill themselves with SIGKILL at a chosen moment; in a process of its own, which forks.

A moment is one before or inside a call that touches the disk, or before a step. As a program:
`kills.py CONFIG FOLDER SEED COUNT` prints a JSON line for each broken run.
"""

import functools
import io
import json
import os
import random
import signal
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from PIL import Image

from fake import FakeBackend, FakeTrainer
from gcl_spec.config.options import Config
from gcl_spec.config.toml import load
from gcl_spec.data.prepare import recipes
from gcl_spec.data.prepare.collate import Collator
from gcl_spec.train.training import run_training


class Killer:
    """Counts the moments; at number `at` the process is gone."""

    def __init__(self, at: int) -> None:
        self.at = at
        self.names: list[str] = []

    def moment(self, name: str) -> bool:
        """Is it now? For calls that first do a half of what they should."""
        self.names.append(name)
        return len(self.names) == self.at

    def before(self, owner: Any, name: str) -> None:
        call: Callable[..., Any] = getattr(owner, name)

        def wrapped(*args: Any, **more: Any) -> Any:
            if self.moment(name):
                die()
            return call(*args, **more)

        setattr(owner, name, wrapped)

    def install(self) -> None:
        from gcl_spec._files import atomic

        for owner, name in (
            (os, "fsync"), (Path, "replace"), (Path, "rename"), (Path, "unlink"), (Path, "chmod"),
            (tempfile, "mkstemp"), (tempfile, "mkdtemp"), (FakeTrainer, "step"),
            (FakeTrainer, "encode"),
        ):  # fmt: skip
            self.before(owner, name)
        killer = self

        class Writer(io.FileIO):
            def write(self, data: Any) -> int:
                if killer.moment("write"):
                    super().write(bytes(data)[: len(data) // 2])
                    die()
                return super().write(data)

        def append(path: Path, data: bytes) -> None:
            with Writer(path, "ab") as file:
                file.write(data)

        os.fdopen = lambda number, mode: Writer(number, mode)  # type: ignore[assignment]
        atomic.append = append
        sys.modules["gcl_spec.run.folder"].append = append


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def forked(action: Callable[[], Any]) -> int | None:
    """0 if it ended, None if it was killed; any other end is an error."""
    child = os.fork()
    if child == 0:
        try:
            action()
        except BaseException as error:
            print(f"{type(error).__name__}: {error}", file=sys.stderr, flush=True)
            os._exit(1)
        os._exit(0)
    status = os.waitpid(child, 0)[1]
    if os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL:
        return None
    assert os.waitstatus_to_exitcode(status) == 0, "a run failed instead of being killed"
    return 0


def part(config: Config, out: Path, at: int, names: Path | None = None) -> int | None:
    """Start `out`, or go on with it, until moment `at`."""

    def action() -> None:
        killer = Killer(at)
        killer.install()
        resume = (out / "config.toml").exists()
        run_training(None if resume else config, FakeBackend(), out, resume=resume)
        if names is not None:
            names.write_text(json.dumps(killer.names))

    return forked(action)


def main(config_file: Path, folder: Path, seed: int, count: int) -> None:
    config, rng = load(path=config_file), random.Random(seed)
    # Read once and forked, not read again by each of a hundred runs; and no time for thumbnails.
    recipes.Tokenizer = functools.cache(recipes.Tokenizer)  # type: ignore[misc]
    Collator(config)
    Image.init()
    sys.modules["gcl_spec.train.training"].thumbnail = lambda *args, **more: b""
    part(config, folder / "cached", -1)  # later runs find the tower outputs
    part(config, folder / "whole", -1, folder / "names.json")
    names = json.loads((folder / "names.json").read_text())
    # One moment of each kind at least; then anywhere. And runs that are killed again and again.
    first = [names.index(name) + 1 for name in dict.fromkeys(names)]
    moments = [*first, *rng.choices(range(1, len(names) + 1), k=count)]
    for number, at in enumerate(moments):
        out = folder / f"broken{number}"
        killed = []
        again = number % 3 == 0
        while part(config, out, at) is None:
            killed.append(at)
            at = rng.randint(1, len(names) // 2) if again and len(killed) < 5 else -1
        print(json.dumps({"out": out.name, "killed": killed, "first": names[moments[number] - 1]}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]))
