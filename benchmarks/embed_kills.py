"""Kills `gcl embed` with SIGKILL at random moments until it has ended, many times over.

    python benchmarks/embed_kills.py RUN DATA FOLDER --kills 100 [-- OPTIONS OF gcl embed]

Every killed folder must end with the bytes of one that was never killed. The moments are drawn over
the time that an unbroken command takes, its start included; FOLDER is made, and removed by you.
"""

import argparse
import random
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path


def main() -> None:
    """Run the campaign; the exit code is 1 where a folder differs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run")
    parser.add_argument("data")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    words = sys.argv[1:]
    cut = words.index("--") if "--" in words else len(words)
    given, options = parser.parse_args(words[:cut]), words[cut + 1 :]
    rng, command = random.Random(given.seed), [given.run, given.data]
    begun = time.monotonic()
    embed(command, given.folder / "whole", options)
    seconds = time.monotonic() - begun
    whole = files(given.folder / "whole")
    print(f"unbroken: {seconds:.1f} s, {len(whole)} files", flush=True)
    killed = folders = differ = 0
    while killed < given.kills:
        out = given.folder / f"killed{folders:03d}"
        here = 0
        while not embed(command, out, options, after=rng.uniform(0.2, 1.1) * seconds):
            here += 1
            if killed + here >= given.kills:
                embed(command, out, options)
                break
        killed += here
        same = files(out) == whole
        folders, differ = folders + 1, differ + (not same)
        print(f"{out.name}: {here} kills, {'same bytes' if same else 'OTHER BYTES'}", flush=True)
    print(f"{killed} kills in {folders} folders; {differ} of them differ")
    sys.exit(1 if differ else 0)


def embed(
    command: Sequence[str], out: Path, options: Sequence[str], after: float | None = None
) -> bool:
    """Run `gcl embed`; True where it ended, False where it was killed after so many seconds."""
    words = [sys.executable, "-m", "gcl_cli", "embed", *command, str(out), *options]
    child = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    try:
        _, said = child.communicate(timeout=after)
    except subprocess.TimeoutExpired:
        child.kill()
        child.communicate()
        return False
    if child.returncode:
        raise SystemExit(f"gcl embed failed:\n{said}")
    return True


def files(folder: Path) -> dict[str, bytes]:
    """The content of every file, hidden ones too, by name."""
    return {path.name: path.read_bytes() for path in folder.iterdir()}


if __name__ == "__main__":
    main()
