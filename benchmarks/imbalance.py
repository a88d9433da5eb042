"""What helps where nine rows of ten lack a modality?

    python benchmarks/imbalance.py --out runs/imbalance --seeds 0 1 2

The starter set, of which 90 % of the training rows, drawn once, lose their picture, or lose their
texts. A row without one of them is in no pair: no direction of the objective has both its query and
its target. It still stands in the pools in which the other modalities' rows are candidates. So what
can matter is the make-up of the pools, and what the objective does about it: temperatures by
direction or pair of modalities, and biases that are learned or that hold equal shares of the pool.
`balance` cannot matter here: with two given modalities all directions have the same rows, and the
two means are one; it is run all the same, as a check.

Every setting starts from fresh heads (recipe lite: scale 16, dropout) and takes the same steps;
several temperatures are learned from that scale on. "the tenth alone" trains on the whole pairs,
and "all rows" on the set as it is. Prints Markdown; a run that is there already is taken, and
`gcl compare` takes any two folders of OUT.
"""

import argparse
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from zipfile import ZipFile

import numpy as np
from objectives import spread, train

from gcl_spec.data.starter import starter_path
from gcl_spec.evaluate.evaluation import Report
from gcl_spec.report.tables import markdown

LACKING = 0.9
FIELDS = {"picture": "image", "texts": "captions"}
LEARNED = ("optim.learn_scale=true",)
SETTINGS: dict[str, tuple[str, ...]] = {
    "CLIP": ("objective.preset=clip",),
    "pairwise": ("objective.preset=pairwise",),
    "GCL": ("objective.preset=gcl",),
    "GCL, balance=direction": ("objective.preset=gcl", "objective.balance=direction"),
    "GCL drop": ("objective.preset=gcl-drop",),
    "GCL, temperature learned": ("objective.preset=gcl", *LEARNED),
    "GCL, temperature by direction": (
        "objective.preset=gcl",
        "objective.scales=direction",
        *LEARNED,
    ),
    "GCL, temperature by pair": ("objective.preset=gcl", "objective.scales=pair", *LEARNED),
    "GCL, bias by pair": ("objective.preset=gcl", "objective.bias=pair"),
    "GCL, equal shares": ("objective.preset=gcl", "objective.bias=share"),
    "GCL, positives=0.5": ("objective.preset=gcl", "objective.positives=0.5"),
    # -10 in logits at a scale of 16, in the cosines of this preset
    "SigLIP on all pairs": ("objective.preset=siglip-all", "objective.bias_start=0.625"),
}
PLAIN = ("CLIP", "GCL")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--set", dest="overrides", action="append", default=["train.steps=300"])
    args = parser.parse_args()
    plan = list(cells(args.out / "data"))
    reports: dict[tuple[str, str], list[Report]] = {}
    for seed in args.seeds:
        for data, folder, name in plan:
            options = [*SETTINGS[name], f"data.path={folder}", f"train.seed={seed}"]
            out = args.out / data.replace(" ", "-") / name.replace(" ", "-") / f"seed-{seed}"
            run = train(out, "lite", [*options, *args.overrides])
            report = Report.from_json(json.loads((run.path / "after.json").read_text()))
            reports.setdefault((data, name), []).append(report)
    print(table(reports))


def cells(out: Path) -> Iterator[tuple[str, Path, str]]:
    """The name and the folder of the data, and the setting, of each cell of the table."""
    whole = data_folder(out / "all", lacking=None)
    for name in PLAIN:
        yield "all rows", whole, name
    tenth = data_folder(out / "tenth", lacking="image", alone=True)
    for name in PLAIN:
        yield "the tenth alone", tenth, name
    for what, field in FIELDS.items():
        folder = data_folder(out / f"without-{field}", lacking=field)
        for name in SETTINGS:
            yield f"90 % without {what}", folder, name


def data_folder(out: Path, *, lacking: str | None, alone: bool = False) -> Path:
    """The starter set as a folder in which nine rows of ten lack a field, or are left out."""
    if (out / "train.jsonl").is_file():
        return out
    with ZipFile(starter_path()) as source:
        source.extractall(out, [n for n in source.namelist() if n != "train.jsonl"])
        rows = [json.loads(line) for line in source.read("train.jsonl").splitlines()]
    drawn = np.random.default_rng(0).random(len(rows)) < LACKING
    kept = []
    for row, lacks in zip(rows, drawn, strict=True):
        if lacking is not None and lacks:
            row.pop(lacking)
            if alone:
                continue
        kept.append(json.dumps(row))
    (out / "train.jsonl").write_text("\n".join(kept) + "\n", encoding="utf-8")
    return out


def table(reports_of: dict[tuple[str, str], list[Report]]) -> str:
    rows = [["training rows", "objective", "global", "local", "effective rank", "distance"]]
    for (data, name), reports in reports_of.items():
        pools = (values(reports, pool) for pool in ("global", "local"))
        rank, apart = (
            np.mean([report.geometry[key] for report in reports])
            for key in ("effective rank", "distance of image and text means")
        )
        rows.append([data, name, *map(spread, pools), f"{rank:.0f}", f"{apart:.2f}"])
    return markdown(rows)


def values(reports: Sequence[Report], pool: str) -> list[float]:
    return [100 * report.average(pool, "hit@10") for report in reports]


if __name__ == "__main__":
    main()
