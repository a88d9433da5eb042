"""Kills the writing of an index with SIGKILL at random moments, many times over.

    python benchmarks/index_kills.py FOLDER --kills 100

A child follows a list of items, of which each round changes some, adds some and removes some, and
says what it has committed. It is killed at a moment that is drawn over the time that an unbroken
round takes. After each kill the index must open; every item stands in it once, with the vector of
its content; what the child had committed is there; and nothing is there that was never asked for.
The rows are made of the texts alone, by a hash, so that no model is needed.
"""

import argparse
import hashlib
import json
import os
import random
import shutil
import signal
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from threading import Timer
from typing import Any

import lancedb  # noqa: F401  # every child has it
import numpy as np

from gcl_spec._typing import FloatArray
from gcl_spec.embed.entry import Contents, Entry
from gcl_spec.embed.maker import Maker
from gcl_spec.index.about import Origin, read_about
from gcl_spec.index.adding import Adding
from gcl_spec.index.items import Items
from gcl_spec.index.table import open_table
from gcl_spec.index.writing import Writing

WIDTH, ITEMS, COMMIT = 16, 200, 20
MAKER = Maker("hash", "0" * 64, "1" * 64, "hash", "float32", COMMIT)


def row(text: str) -> FloatArray:
    seed = int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big")
    vector = np.random.default_rng(seed).normal(size=WIDTH).astype(np.float32)
    return vector / np.linalg.norm(vector)


class Listed:
    """The items, the model and the reader, in one."""

    name, maker, path = "texts", MAKER, ""
    calibrations: dict[str, Any] = {}  # noqa: RUF012

    def __init__(self, texts: dict[str, str]) -> None:
        self._entries = [Entry(name, (("text", text),)) for name, text in texts.items()]

    def __len__(self) -> int:
        return len(self._entries)

    def entries(self, part: slice, /) -> list[Entry]:
        return self._entries[part]

    def read_bytes(self, path: str, /) -> bytes:
        return b""

    def encode(
        self, entries: Sequence[Entry], told: Callable[[int], None]
    ) -> tuple[FloatArray, dict[int, str]]:
        rows = [row(dict(entry.content)["text"]) for entry in entries]
        return np.stack(rows) if rows else np.zeros((0, 0), np.float32), {}

    def digests(self) -> dict[str, str]:
        return {}

    def check(self, about: object, folder: object) -> None:
        pass


def follow(folder: Path, texts: dict[str, str]) -> None:
    """Follow the items; say after each commit what it held."""
    listed: Any = Listed(texts)
    items = Items(Origin("files"), listed, listed, Contents(listed), (), True, listed)
    put = Writing.put

    def told(self: Writing, rows: Any, *args: Any, **more: Any) -> None:
        put(self, rows, *args, **more)
        print(json.dumps([x.id for x in rows]), flush=True)

    Writing.put = told  # type: ignore[method-assign]
    Adding(folder, listed, items, size=COMMIT).run(update=True)
    print("done", flush=True)


def forked(work: Callable[[], None], after: float | None = None) -> tuple[list[str], float]:
    """The lines that a child of this process prints, which may be killed after so many seconds.

    This process has imported everything, and never used LanceDB, whose threads no fork would copy.
    """
    reading, writing = os.pipe()
    begun, number = time.monotonic(), os.fork()
    if not number:
        os.dup2(writing, 1)
        try:
            work()
            sys.stdout.flush()
        except BaseException:
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    os.close(writing)
    timer = Timer(after or 0, os.kill, (number, signal.SIGKILL))
    if after is not None:
        timer.start()
    with os.fdopen(reading) as file:
        lines = file.read().splitlines()
    timer.cancel()  # the number is the child's until it is waited for
    _, status = os.waitpid(number, 0)
    if os.WIFEXITED(status) and os.WEXITSTATUS(status):
        raise SystemExit("a child failed")
    return lines, time.monotonic() - begun


def changed(texts: dict[str, str], rng: random.Random, number: int) -> dict[str, str]:
    """Some items more, some less, some with another text; in another order."""
    names = rng.sample(sorted(texts), k=max(0, len(texts) - rng.randrange(40)))
    new_texts = {name: texts[name] for name in names}
    for name in rng.sample(names, k=min(len(names), 60)):
        new_texts[name] = f"text {rng.random()} of {name}"
    for n in range(max(0, ITEMS - len(new_texts))):
        new_texts[f"{number}-{n}"] = f"text {rng.random()}"
    return new_texts


def faults(
    folder: Path, versions: dict[str, set[str]], committed: set[str], now: dict[str, str]
) -> list[str]:
    """What is wrong with an index: ids twice, vectors of other texts, committed items that lack.

    The last line is not wrong: it says how many items, fragments and bytes there are.
    """
    if not folder.exists():
        return [f"no index, but {len(committed)} items were committed"] * bool(committed) + [""]
    table = open_table(folder, read_about(folder))
    stored_texts: dict[str, str] = {}
    wrong = []
    for batch in table.batches(("id", "text", "vector")):
        columns = (batch["id"].to_pylist(), batch["text"].to_pylist())
        for name, text, vector in zip(*columns, table.rows_of(batch, "vector"), strict=True):
            wrong += [f"{name} stands twice"] if name in stored_texts else []
            wrong += [] if text in versions.get(name, ()) else [f"{name} has a text of no round"]
            wrong += [] if np.array_equal(vector, row(text)) else [f"{name} has another vector"]
            stored_texts[name] = text
    wrong += [
        f"{x} was committed and is not there" for x in committed if stored_texts.get(x) != now[x]
    ]
    return [*wrong, str(table.state())]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    shutil.rmtree(asked.folder, ignore_errors=True)
    asked.folder.mkdir(parents=True)
    rng, index = random.Random(asked.seed), asked.folder / "index"
    texts = changed({}, rng, 0)
    _, seconds = forked(lambda: follow(asked.folder / "unbroken", texts))
    print(f"unbroken: {seconds:.1f} s", flush=True)
    versions = {name: {text} for name, text in texts.items()}
    killed = ended = bad = 0
    while killed < asked.kills:
        lines, _ = forked(lambda: follow(index, texts), rng.uniform(0, 3) * seconds)  # noqa: B023
        done = "done" in lines
        killed, ended = killed + (not done), ended + done
        whole = [json.loads(line) for line in lines if line.startswith("[") and line.endswith("]")]
        committed = set(texts) if done else {name for names in whole for name in names}
        *wrong, state = check(index, versions, committed, texts)
        bad += bool(wrong)
        if killed % 10 == 0 and not done:
            print(f"{killed} kills, {ended} rounds ended, {bad} with a fault", flush=True)
        for line in wrong[:5]:
            print(f"after {killed} kills: {line}", flush=True)
        if rng.random() < 0.5 or done:
            texts = changed(texts, rng, killed + ended)
            for name, text in texts.items():
                versions.setdefault(name, set()).add(text)
    forked(lambda: follow(index, texts))
    *wrong, state = check(index, versions, set(texts), texts)
    print(f"{killed} kills, {ended} rounds ended, {bad} with a fault; at the end {state}")
    for line in wrong[:5]:
        print(f"at the end: {line}")
    sys.exit(1 if bad or wrong else 0)


def check(*args: Any) -> list[str]:
    """The lines of `faults`, found by a child."""
    return forked(lambda: print("\n".join(faults(*args))))[0] or [""]


if __name__ == "__main__":
    main()
