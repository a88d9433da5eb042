"""When does GCL pay? The nine searches under several objectives, scales and seeds.

    python benchmarks/objectives.py --out runs/objectives --seeds 0 1 2

Two situations on the starter set, all with the same heads and the same tower outputs:
fine-tuning from heads pretrained with CLIP's loss at a fixed scale of 100 (recipe lite-clip), and
training from scratch with a learned scale (recipe lite). Beside them a baseline without training:
each modality's mean subtracted from the embeddings of the start. Prints Markdown.
"""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from gcl_spec import config_io, registry
from gcl_spec._typing import FloatArray
from gcl_spec.benchmarks.folder import read_tasks
from gcl_spec.benchmarks.task import Item
from gcl_spec.data.root import open_root
from gcl_spec.evaluate import Report, evaluate
from gcl_spec.normalize import l2_normalize
from gcl_spec.progress import Quiet
from gcl_spec.run import RunFolder, load_run
from gcl_spec.tables import markdown, short_kind
from gcl_spec.train import run
from gcl_spec.trained import encode_items

FINE_TUNED = {
    "+ CLIP": ("clip", 100.0),
    "+ GCL": ("gcl", 100.0),
    "+ GCL drop": ("gcl-drop", 100.0),
    "+ CLIP, scale 16": ("clip", 16.0),
    "+ GCL, scale 16": ("gcl", 16.0),
    "+ GCL drop, scale 16": ("gcl-drop", 16.0),
}
FROM_SCRATCH = {
    "scratch CLIP": "clip",
    "scratch GCL": "gcl",
    "scratch GCL drop": "gcl-drop",
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--set", dest="overrides", action="append", default=[])
    args = parser.parse_args()
    found: dict[str, list[Report]] = {}
    for seed in args.seeds:
        for name, report in reports(args.out / str(seed), seed, args.overrides).items():
            found.setdefault(name, []).append(report)
    print(summary(found), "\n")
    for pool in ("global", "local"):
        print(f"hit@10, {pool} pool\n\n{by_kind(found, pool)}\n")


def reports(out: Path, seed: int, overrides: Sequence[str]) -> dict[str, Report]:
    start = train(out / "start", "lite-clip", [f"train.seed={seed}", *overrides])
    found = {
        "fresh heads": start.report("before"),
        "start: CLIP at scale 100": start.report("after"),
    }
    found["start, means subtracted"] = calibrated(start.path)
    for name, (preset, scale) in FINE_TUNED.items():
        options = [f"objective.preset={preset}", f"optim.scale={scale}", f"train.seed={seed}"]
        folder = out / name.strip("+ ").replace(" ", "-").replace(",", "")
        found[name] = train(folder, "lite-gcl", [*options, *overrides], start.path).report("after")
    for name, preset in FROM_SCRATCH.items():
        options = [f"objective.preset={preset}", f"train.seed={seed}", *overrides]
        done = train(out / name.replace(" ", "-"), "lite", options)
        found[name] = done.report("after")
    return found


def train(out: Path, recipe: str, overrides: Sequence[str], init: Path | None = None) -> RunFolder:
    """The run in `out`, trained now where it is not there yet."""
    if (out / "after.json").is_file():
        return RunFolder.open(out)
    config = config_io.load(recipe=recipe, overrides=overrides)
    return run(config, registry.load_training("torch"), out, init=init)


def calibrated(start: Path) -> Report:
    """The start with each modality's mean subtracted: no gap, and no training."""
    file = start / "calibrated.json"
    if file.is_file():
        return Report.from_json(json.loads(file.read_text()))
    root, loaded = open_root("starter"), load_run(start)

    def encode(items: Sequence[Item]) -> FloatArray:
        z = encode_items(loaded, root, items, Quiet())
        kinds = np.asarray([item.modality for item in items])
        for kind in np.unique(kinds):
            z[kinds == kind] -= z[kinds == kind].mean(axis=0)
        return np.asarray(l2_normalize(z), np.float32)

    report = evaluate(encode, read_tasks(root, "tasks"))
    file.write_text(json.dumps(report.to_json()))
    return report


def summary(found: dict[str, list[Report]]) -> str:
    rows = [["", "global hit@10", "local hit@10", "effective rank", "cosine of means"]]
    for name, made in found.items():
        cells = [
            [100 * report.average("global", "hit@10") for report in made],
            [100 * report.average("local", "hit@10") for report in made],
        ]
        rank = [report.geometry["effective rank"] for report in made]
        gap = [report.geometry["cosine of image and text means"] for report in made]
        rows.append([name, *map(spread, cells), f"{np.mean(rank):.0f}", f"{np.mean(gap):.2f}"])
    return markdown(rows)


def by_kind(found: dict[str, list[Report]], pool: str) -> str:
    kinds = next(iter(found.values()))[0].kinds()
    rows = [["", *map(short_kind, kinds)]]
    for name, made in found.items():
        values = [np.mean([100 * r.value(kind, pool, "hit@10") for r in made]) for kind in kinds]
        rows.append([name, *(f"{value:.1f}" for value in values)])
    return markdown(rows)


def spread(values: Sequence[float]) -> str:
    deviation = f" ± {np.std(values, ddof=1):.1f}" if len(values) > 1 else ""
    return f"{np.mean(values):.1f}{deviation}"


if __name__ == "__main__":
    main()
