"""When does GCL pay? The nine searches under several objectives, scales and seeds.

    python benchmarks/objectives.py --out runs/objectives --seeds 0 1 2 --scales 100 16

Two situations on the starter set, all with the same heads and the same tower outputs:
fine-tuning from heads pretrained with CLIP's loss at a fixed scale of 100 (recipe lite-clip), and
training from scratch with a learned scale (recipe lite). Beside them a baseline without training:
each modality's mean subtracted from the embeddings of the start, where the mean is that of the
evaluated items themselves ("transductive"); `gcl eval --calibration all` has those that are fitted
on training rows. "Sparse pool" is the global pool
with one picture a concept (noto's), without skin tones and clip art: there the pictures of a
concept do not crowd its other candidates out of the first ten. Prints Markdown.
"""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from gcl_spec import registry
from gcl_spec._typing import FloatArray
from gcl_spec.ablate.pools import sparse
from gcl_spec.config import toml
from gcl_spec.data.root import open_root
from gcl_spec.evaluate.evaluation import Report, evaluate
from gcl_spec.normalize import l2_normalize
from gcl_spec.progress import Quiet
from gcl_spec.report.tables import markdown, short_kind
from gcl_spec.run.folder import RunFolder
from gcl_spec.run.loaded import encode_items, load_run
from gcl_spec.tasks.folder import read_tasks
from gcl_spec.tasks.task import Item
from gcl_spec.train.training import run_training

FINE_TUNED = {"+ CLIP": "clip", "+ GCL": "gcl", "+ GCL drop": "gcl-drop"}
FROM_SCRATCH = {"scratch CLIP": "clip", "scratch GCL": "gcl"}
Pair = tuple[Report, Report]
"""Evaluations on the tasks as they are, and in the sparse pool."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--scales", type=float, nargs="+", default=[100.0])
    parser.add_argument("--set", dest="overrides", action="append", default=[])
    args = parser.parse_args()
    pairs: dict[str, list[Pair]] = {}
    for seed in args.seeds:
        for name, report in reports(
            args.out / str(seed), seed, args.scales, args.overrides
        ).items():
            pairs.setdefault(name, []).append(report)
    print(summary(pairs), "\n")
    for pool in ("global", "local"):
        print(f"hit@10, {pool} pool\n\n{by_kind(pairs, pool)}\n")


def reports(
    out: Path, seed: int, scales: Sequence[float], overrides: Sequence[str]
) -> dict[str, Pair]:
    start = train(out / "start", "lite-clip", [f"train.seed={seed}", *overrides])
    pairs = {"start: CLIP at scale 100": both(start.path)}
    pairs["start, means subtracted, transductive"] = both(start.path, centred=True)
    for scale in scales:
        for title, preset in FINE_TUNED.items():
            name = title if scale == 100 else f"{title}, scale {scale:g}"
            options = [f"objective.preset={preset}", f"optim.scale={scale}", f"train.seed={seed}"]
            folder = out / name.strip("+ ").replace(" ", "-").replace(",", "")
            pairs[name] = both(train(folder, "lite-gcl", [*options, *overrides], start.path).path)
    for name, preset in FROM_SCRATCH.items():
        options = [f"objective.preset={preset}", f"train.seed={seed}", *overrides]
        pairs[name] = both(train(out / name.replace(" ", "-"), "lite", options).path)
    return pairs


def train(out: Path, recipe: str, overrides: Sequence[str], init: Path | None = None) -> RunFolder:
    """The run in `out`, trained now where it is not there yet."""
    if (out / "after.json").is_file():
        return RunFolder.open(out)
    torch = registry.load_training("torch")
    if out.exists():
        return run_training(None, torch, out, resume=True)
    return run_training(toml.load(recipe=recipe, overrides=overrides), torch, out, init=init)


def both(path: Path, *, centred: bool = False) -> Pair:
    """Evaluations of a run; `centred` subtracts each modality's mean: no gap, and no training."""
    file = path / f"benchmark{'-centred' if centred else ''}.json"
    if file.is_file():
        one, two = json.loads(file.read_text())
        return Report.from_json(one), Report.from_json(two)
    root, loaded = open_root("starter"), load_run(path)

    def encode(items: Sequence[Item]) -> FloatArray:
        z = encode_items(loaded, root, items, Quiet())
        if not centred:
            return z
        kinds = np.asarray([item.modality for item in items])
        for kind in np.unique(kinds):
            z[kinds == kind] -= z[kinds == kind].mean(axis=0)
        return np.asarray(l2_normalize(z), np.float32)

    tasks = read_tasks(root, "tasks")
    pair = evaluate(encode, tasks), evaluate(encode, sparse(tasks))
    file.write_text(json.dumps([report.to_json() for report in pair]))
    return pair


def summary(pairs: dict[str, list[Pair]]) -> str:
    rows = [["", "global", "local", "global, sparse pool", "effective rank", "cosine of means"]]
    for name, made in pairs.items():
        cells = [
            [100 * full.average("global", "hit@10") for full, _ in made],
            [100 * full.average("local", "hit@10") for full, _ in made],
            [100 * few.average("global", "hit@10") for _, few in made],
        ]
        rank = [full.geometry["effective rank"] for full, _ in made]
        gap = [full.geometry["cosine of image and text means"] for full, _ in made]
        rows.append([name, *map(spread, cells), f"{np.mean(rank):.0f}", f"{np.mean(gap):.2f}"])
    return markdown(rows)


def by_kind(pairs: dict[str, list[Pair]], pool: str) -> str:
    kinds = next(iter(pairs.values()))[0][0].kinds()
    rows = [["", *map(short_kind, kinds)]]
    for name, made in pairs.items():
        values = [
            np.mean([100 * full.value(kind, pool, "hit@10") for full, _ in made]) for kind in kinds
        ]
        rows.append([name, *(f"{value:.1f}" for value in values)])
    return markdown(rows)


def spread(values: Sequence[float]) -> str:
    deviation = f" ± {np.std(values, ddof=1):.1f}" if len(values) > 1 else ""
    return f"{np.mean(values):.1f}{deviation}"


if __name__ == "__main__":
    main()
