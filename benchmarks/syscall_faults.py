"""Every system call of `gcl train` on its run folder fails once; what is said, and what is lost?

    python benchmarks/syscall_faults.py                    a start, a resume and their saves
    python benchmarks/syscall_faults.py --every 7          a sample of them
    python benchmarks/syscall_faults.py --every 7 --first 1    the next one of it, and so on

Linux with strace. The NumPy trainer of the tests trains, by the `gcl` of this package: all backends
write by the same code. A call fails with one of several errors, in turn; then a plain resume, or a
plain start where there is no run, must end as a run that was never broken. The counts so far are
printed every half minute, and whatever is not as it should be is printed at once.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import NoReturn

from gcl_cli.main import main as gcl
from gcl_spec.data.prepare import recipes
from gcl_spec.errors import GclError
from gcl_spec.run.compare_runs import compare
from gcl_spec.run.folder import RunFolder

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "helpers"))
from tiles_on_disk import write_data

ERRORS = ("EIO", "ENOSPC", "EACCES", "EPERM", "EROFS", "ESTALE")
SETS = (
    "model.width=4", "model.image_size=32", "train.batch_size=6", "optim.warmup_steps=2",
    "train.steps=4", "train.save_every=1", "train.log_every=1", "train.keep=1",
    "train.eval_every=2", "train.keep_best=true", "data.workers=0",
)  # fmt: skip


@dataclass(frozen=True)
class Call:
    """The `number`-th call of a name by the process, counted from 1."""

    name: str
    number: int


def started(words: Sequence[str], said: Path, **more: str) -> tuple[int, int]:
    """A forked `gcl train` that waits for a byte: its process, and where to write the byte."""
    reads, writes = os.pipe()
    child = os.fork()
    if child == 0:
        _trained(words, said, reads, more)
    os.close(reads)
    return child, writes


def _trained(words: Sequence[str], said: Path, reads: int, more: Mapping[str, str]) -> NoReturn:
    """In the forked process, which must not come back: its parent's folder is not its to remove."""
    code: str | int | None = 1
    try:
        os.environ |= more
        number = os.open(said, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o666)
        os.dup2(number, 1)
        os.dup2(number, 2)
        os.read(reads, 1)
        gcl(["train", *words])
    except SystemExit as end:
        code = end.code
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code if isinstance(code, int) else 1)


def ended(child: int, writes: int) -> int:
    """Let it go; its exit code."""
    os.write(writes, b".")
    os.close(writes)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


@contextmanager
def traced(child: int, log: Path, *options: str) -> Iterator[None]:
    """Strace on a process that waits; the log is whole after the block."""
    words = ["strace", "-f", "-y", "-qq", "-e", "trace=%file,%desc", "-o", str(log), *options]
    with subprocess.Popen([*words, "-p", str(child)], stderr=subprocess.PIPE) as strace:
        status = Path(f"/proc/{child}/status")
        while not re.search(r"TracerPid:\s+[1-9]", status.read_text()):
            if strace.poll() is not None:
                sys.exit(f"strace does not run here: {strace.stderr and strace.stderr.read()}")
            time.sleep(0.005)
        yield


def calls(log: Path, folder: Path) -> list[Call]:
    """The calls on files in `folder`, in order, from a log of all."""
    counts: Counter[str] = Counter()
    file_calls = []
    for line in log.read_text(errors="replace").splitlines():
        call = re.match(r"\d+ +(\w+)\(", line)
        if call:
            counts[call[1]] += 1
            if str(folder) in line:
                file_calls.append(Call(call[1], counts[call[1]]))
    return file_calls


class Campaign:
    """Trials in a folder, each with a run of its own at the same path, so that calls are equal."""

    def __init__(self, folder: Path) -> None:
        self.outcomes: Counter[str] = Counter()
        self._told = time.monotonic()
        self._folder, self._place, self._log = folder, folder / "place", folder / "log"
        data = write_data(folder / "data")
        sets = [*SETS, f"data.path={data}", f"data.cache={folder / 'cache'}"]
        self._sets = [word for text in sets for word in ("--set", text)]
        # The first fills the cache of tower outputs, in this process: what it has imported, and the
        # tokenizer that it has read, is there in all that are forked.
        recipes.Tokenizer = cache(recipes.Tokenizer)  # type: ignore[misc]
        with suppress(SystemExit):
            gcl(["train", *self._words(folder / "first", False)])
        assert self._plain(folder / "whole", resume=False) == (0, ""), self._said()
        self._whole = RunFolder.open(folder / "whole")
        # A run that stopped in its third step, after two checkpoints.
        assert self._plain(folder / "broken" / "run", resume=False, FAKE_NAN="3")[0] == 1

    def run(self, *, resume: bool, first: int, every: int, minutes: float) -> None:
        """A start, or a resume, with each of its calls failing once."""
        self._begin(resume)
        assert self._traced(resume)[0] == 0, self._said()
        file_calls = calls(self._log, self._place)
        name = "resume" if resume else "start"
        print(f"{name}: {len(file_calls)} calls,", dict(
            Counter(call.name for call in file_calls).most_common()), flush=True)  # fmt: skip
        deadline = time.monotonic() + 60 * minutes
        chosen = list(enumerate(file_calls))[first::every]
        for tried, (number, call) in enumerate(chosen):
            self._tell(f"{name}: {tried} of {len(chosen)}")
            if time.monotonic() > deadline:
                print(f"{name}: {tried} of {len(chosen)} in {minutes:g} minutes", flush=True)
                break
            self._begin(resume)
            error = ERRORS[(number + number // every) % len(ERRORS)]
            where = f"{call.name} {call.number} {error}"
            code, said = self._traced(
                resume, f"inject={call.name}:error={error}:when={call.number}"
            )
            hit = [line for line in self._log.read_text(errors="replace").splitlines()
                   if "(INJECTED)" in line]  # fmt: skip
            if len(hit) != 1 or str(self._place) not in hit[0]:
                self._note("another call was hit", where, str(hit))
                continue
            self._judge(code, said, where)

    def _tell(self, where: str) -> None:
        if time.monotonic() > self._told + 30:
            self._told = time.monotonic()
            print(f"{where}, so far", dict(self.outcomes), flush=True)

    def _judge(self, code: int, said: str, where: str) -> None:
        errors = [line for line in said.splitlines() if line.startswith("error: ")]
        if "Traceback" in said or code not in (0, 1, 2):
            self._note("TRACEBACK", where, said)
        elif code == 0:
            warned = "warning: " in said
            what = "ended well, with a warning" if warned else "ended well"
            self._note(what if self._is_whole() else "SILENT LOSS", where, said)
        else:
            self._note("one line" if len(errors) == 1 else "NO LINE", where, said)
        again = (self._place / "run" / "config.toml").exists()
        code, said = self._plain(self._place / "run", resume=again)
        whole = code == 0 and self._is_whole() and not list(self._place.rglob(".*"))
        self._note("then as unbroken" if whole else "THEN NOT AS UNBROKEN", where, said)

    def _is_whole(self) -> bool:
        try:
            parts = compare(self._whole, RunFolder.open(self._place / "run"))
        except GclError as error:
            print(f"cannot be compared: {error}")
            return False
        return all(part.difference is None for part in parts)

    def _note(self, outcome: str, where: str, said: str) -> None:
        self.outcomes[outcome] += 1
        if outcome.isupper() or outcome == "another call was hit":
            print(f"{outcome}: {where}\n{said}", flush=True)

    def _begin(self, resume: bool) -> None:
        shutil.rmtree(self._place, ignore_errors=True)
        if resume:
            shutil.copytree(self._folder / "broken", self._place)
        else:
            self._place.mkdir()

    def _traced(self, resume: bool, *inject: str) -> tuple[int, str]:
        child, writes = started(self._words(self._place / "run", resume), self._folder / "said")
        options = [word for text in inject for word in ("-e", text)]
        with traced(child, self._log, *options):
            code = ended(child, writes)
        return code, self._said()

    def _plain(self, out: Path, *, resume: bool, **more: str) -> tuple[int, str]:
        code = ended(*started(self._words(out, resume), self._folder / "said", **more))
        return code, "" if code == 0 else self._said()

    def _words(self, out: Path, resume: bool) -> list[str]:
        if resume:
            return ["--backend", "fake:FakeBackend", "--resume", str(out)]
        return ["--backend", "fake:FakeBackend", *self._sets, "--out", str(out)]

    def _said(self) -> str:
        return (self._folder / "said").read_text(errors="replace")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--every", type=int, default=1, help="only each N-th call")
    parser.add_argument("--first", type=int, default=0, help="the first of these calls")
    parser.add_argument("--minutes", type=float, default=120.0, help="of a start, and of a resume")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        campaign = Campaign(Path(folder).resolve())
        for resume in (False, True):
            campaign.run(resume=resume, first=given.first, every=given.every, minutes=given.minutes)
    print(dict(campaign.outcomes))
    sys.exit(any(outcome.isupper() for outcome in campaign.outcomes))


if __name__ == "__main__":
    main()
