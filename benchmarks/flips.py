"""Flips bits, cuts files and loses lines of real run folders, then does what a user does.

    python benchmarks/flips.py --count 2400

There are three runs of the recipe tiny on pictures of its own: one broken off after a checkpoint,
one at its end, and one with all calibrations and a sweep. Each damage is done to a fresh copy, in a
file drawn from the folder, or from those of one run alone (`--run N`), and followed by every
action: the run goes on (`gcl train --resume`), is loaded and encodes (as `gcl eval` and `gcl
export` do), with each calibration where it has them, and its reports are read. What comes of it is

    refused     an error of one line that names the folder
    said        a warning, such as of a damaged checkpoint, and the results of an undamaged run
    identical   the results of an undamaged run: what was damaged is not needed, or is written anew
    traceback   any other error, or one of several lines
    silent      other results without a word

The exit code is 1 where there is a traceback or a silent one.
"""

import argparse
import hashlib
import json
import random
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest import mock

from PIL import Image

from gcl_spec import load_run, registry
from gcl_spec.config import toml
from gcl_spec.config.options import Config
from gcl_spec.errors import GclError
from gcl_spec.evaluate.calibrations.known import CALIBRATIONS
from gcl_spec.run import checkpoint
from gcl_spec.run.calibrated import calibrate
from gcl_spec.run.folder import RunFolder
from gcl_spec.run.swept import sweep_run
from gcl_spec.train import loop
from gcl_spec.train.training import run_training

SETS = (
    "train.steps=8", "train.batch_size=6", "train.save_every=2", "train.log_every=1",
    "train.eval_every=2", "train.keep_best=true", "data.workers=0", "data.max_bad=0.2",
    "optim.warmup_steps=2",
)  # fmt: skip
BROKEN_OFF = 6
PICTURES = 24
WAYS = ("flip", "flip", "flip", "flip", "cut", "line", "zeros", "more", "removed")


class Said:
    """A reporter that keeps the warnings."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def update(self, phase: str, done: int, total: int, note: str = "") -> None:
        pass

    def say(self, text: str) -> None:
        self.lines.append(text)


def write_data(folder: Path) -> None:
    """Pictures of one colour with captions, one of them unreadable, and tasks."""
    folder.mkdir(parents=True)
    rows = []
    for n in range(PICTURES):
        Image.new("RGB", (32, 32), (10 * n, 250 - 10 * n, 9 * n % 255)).save(folder / f"{n}.png")
        rows.append({"id": str(n), "image": f"{n}.png", "captions": [f"tile {n}", f"number {n}"]})
    (folder / "7.png").write_bytes(b"no picture")
    write_lines(folder / "train.jsonl", rows)
    for kind in ("tasks", "val_tasks"):
        task = folder / kind / "t2i"
        task.mkdir(parents=True)
        write_lines(
            task / "queries.jsonl", [{"id": f"q{n}", "text": f"tile {n}"} for n in range(6)]
        )
        write_lines(
            task / "candidates.jsonl", [{"id": f"c{n}", "image": f"{n}.png"} for n in range(6)]
        )
        (task / "qrels.tsv").write_text("".join(f"q{n}\tc{n}\n" for n in range(6)))


def write_lines(path: Path, rows: list[dict[str, Any]]) -> None:
    """A file of JSON lines."""
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def harm(path: Path, rng: random.Random) -> str:
    """Damage a file; what was done."""
    way, content = rng.choice(WAYS), path.read_bytes()
    newest = max(path.parent.glob("step-*.safetensors"), default=path)
    spare = path.name in ("report.html", "small.json", "sweep.json") or path != newest
    if way == "removed" and spare:
        way = "cut"  # a page that is gone shows nothing; earlier checkpoints and a sweep may go
    if way == "removed" or not content:
        path.unlink()
        return "removed"
    place = rng.randrange(len(content))
    if way == "flip":
        bit = 1 << rng.randrange(8)
        changed = content[:place] + bytes([content[place] ^ bit]) + content[place + 1 :]
    elif way == "cut":
        changed = content[:place]
    elif way == "zeros":
        size = min(rng.choice((1, 16, 4096)), len(content) - place)
        changed = content[:place] + bytes(size) + content[place + size :]
    elif way == "more":
        changed = content + rng.choice((b"\n", b"\0", b"{}\n", content[-40:]))
    else:
        lines = content.splitlines(keepends=True)
        del lines[rng.randrange(len(lines))]
        changed = b"".join(lines)
    path.write_bytes(changed)
    return way


def results(folder: Path) -> dict[str, Any]:
    """The parts of a finished run that must not change, by name."""
    opened = RunFolder.open(folder)
    lines = [{k: v for k, v in x.items() if k != "samples_per_s"} for x in opened.metrics()]
    parts: dict[str, Any] = {"metrics": lines, "config": opened.config()}
    names = ("before.json", "after.json", "examples.json", "data.json", "report.html")
    paths = [folder / name for name in names]
    paths += sorted((folder / "checkpoints").glob("step-*tensors"))
    parts["bad"] = sorted((folder / "bad_samples.jsonl").read_bytes().splitlines())
    return parts | {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in paths}


def unreadable(folder: Path) -> set[str]:
    """Checkpoints that are damaged, but were not needed: whoever wants one is told."""
    names = set()
    for path in (folder / "checkpoints").glob("step-*tensors"):
        try:
            checkpoint.load(path)
        except GclError:
            names.add(path.name)
    return names


class Campaign:
    """The runs, and what a user does with a damaged copy of one."""

    def __init__(self, place: Path, backend: str) -> None:
        self._place, self._name = place, backend
        self._backend = registry.load_training(backend)
        write_data(place / "data")
        sets = [*SETS, f"data.path='{place / 'data'}'", f"data.cache='{place / 'cache'}'"]
        config = toml.load(recipe="tiny", overrides=sets)
        self.runs = [place / name / "run" for name in ("one", "two", "three")]
        self._break_off(self.runs[0], config)
        run_training(config, self._backend, self.runs[1])
        shutil.copytree(self.runs[1], self.runs[2])
        self._add_calibrations(self.runs[2])
        self.actions: dict[str, Callable[[Path], tuple[Any, bool]]] = {
            "resume": self._resume, "load": self._load, "read": self._read
        }  # fmt: skip
        self._wanted: dict[tuple[Path, str], Any] = {}
        for made in self.runs:
            for name, action in self.actions.items():
                self._wanted[made, name] = action(self._copy(made))[0]
        ends = [self._wanted[made, "resume"] for made in self.runs[:2]]
        assert ends[0] == ends[1], "a run that goes on is not the unbroken one"

    def _break_off(self, out: Path, config: Config) -> None:
        step = loop.train_step

        def breaks(*args: Any) -> Any:
            if args[2] == BROKEN_OFF + 1:
                raise GclError("broken off")
            return step(*args)

        with mock.patch.object(loop, "train_step", breaks):
            try:
                run_training(config, self._backend, out)
            except GclError as error:
                assert str(error) == "broken off"  # noqa: PT017

    def _add_calibrations(self, made: Path) -> None:
        run, loaded = RunFolder.open(made), load_run(made, backend=self._name)
        calibrate(run, loaded, Said())
        swept, _ = sweep_run(loaded, Said(), data=None, calibration=None)
        run.write("sweep.json", json.dumps(swept.to_json()))

    def _copy(self, made: Path) -> Path:
        name = "calibrated" if made == self.runs[2] else "copy"
        copy = self._place / name / "run"
        shutil.rmtree(copy.parent, ignore_errors=True)
        shutil.copytree(made, copy)
        return copy

    def _resume(self, folder: Path) -> tuple[Any, bool]:
        said = Said()
        run_training(None, self._backend, folder, resume=True, reporter=said)
        parts = results(folder)
        if any("the report has no sweep" in line for line in said.lines):
            parts.pop("report.html")  # this difference was said
        return parts, bool(said.lines)

    def _load(self, folder: Path) -> tuple[Any, bool]:
        loaded = load_run(folder, backend=self._name)
        rows = loaded.encode(text=["tile 1", "number 2"])
        best = RunFolder.open(folder).found("best")
        # A calibration that is gone is asked for by its name all the same.
        names = CALIBRATIONS if folder.parent.name == "calibrated" else ()
        more = [
            load_run(folder, backend=self._name, calibration=name).encode(
                text=["tile 1", "number 2"], role=role
            )
            for name in names
            for role in ("query", "candidate")
        ]
        row_bytes = [x.tobytes() for x in (rows, *more)]
        return (loaded.config, loaded.step, row_bytes, best.step), False

    def _read(self, folder: Path) -> tuple[Any, bool]:
        opened = RunFolder.open(folder)
        opened.check()
        names = ("before", "after") if (folder / "report.html").exists() else ("before",)
        reports = [opened.report(name).to_json() for name in names]
        swept = opened.sweep()
        return (reports, opened.examples(), opened.config(), swept), False

    def outcome(self, made: Path, path: Path, action: str, rng: random.Random) -> tuple[str, str]:
        """Damage a copy of `path` in the run `made`, then act: what comes of it, and the words."""
        copy = self._copy(made)
        way = harm(copy / path, rng)
        try:
            content, said = self.actions[action](copy)
        except GclError as error:
            text = str(error)
            good = "\n" not in text and str(copy) in text
            return "refused" if good else "traceback", f"{way} {path}: {text}"
        except Exception as error:  # what no user should see
            return "traceback", f"{way} {path}: {type(error).__name__}: {error}"
        wanted = self._wanted[made, action]
        if action == "resume":
            left_out = unreadable(copy) | ({"report.html"} - content.keys())
            content, wanted = (
                {name: x for name, x in values.items() if name not in left_out}
                for values in (content, wanted)
            )
        same = content == wanted
        return ("said" if said else "identical") if same else "silent", f"{way} {path}"


def main() -> int:
    """Print the counts by action and file."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=2400)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--backend", default="torch")
    parser.add_argument("--run", type=int, choices=(1, 2, 3))
    args = parser.parse_args()
    rng, counts = random.Random(args.seed), Counter[tuple[str, str, str]]()
    with tempfile.TemporaryDirectory() as place:
        campaign = Campaign(Path(place), args.backend)
        files = [
            (made, path.relative_to(made))
            for number, made in enumerate(campaign.runs, 1)
            if args.run in (None, number)
            for path in sorted(made.rglob("*"))
            if path.is_file()
        ]
        for n in range(args.count):
            made, path = files[n % len(files)]
            action = tuple(campaign.actions)[n // len(files) % len(campaign.actions)]
            outcome, words = campaign.outcome(made, path, action, rng)
            kind = "checkpoints" if path.parent.name == "checkpoints" else path.name
            counts[action, kind, outcome] += 1
            if outcome in ("traceback", "silent"):
                print(f"{outcome} at {action}: {words}", flush=True)
    outcomes = ("refused", "said", "identical", "traceback", "silent")
    for action, kind in sorted({(a, k) for a, k, _ in counts}):
        row = "  ".join(f"{outcome} {counts[action, kind, outcome]:4}" for outcome in outcomes)
        print(f"{action:8}{kind:20}{row}")
    totals = {x: sum(c for (_, _, outcome), c in counts.items() if outcome == x) for x in outcomes}
    print("all     " + "  ".join(f"{name} {count}" for name, count in totals.items()))
    return 1 if totals["traceback"] or totals["silent"] else 0


if __name__ == "__main__":
    sys.exit(main())
