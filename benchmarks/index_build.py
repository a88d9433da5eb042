"""How long an index of a folder of pictures takes to build, against embedding them alone.

    python benchmarks/index_build.py RUN FOLDER --pictures 10000

It draws pictures of 96 pixels in FOLDER/pictures, each another one, and then runs `gcl embed`
and `gcl index` of them in turn, each as a new process into a new folder.
"""

import argparse
import json
import resource
import shutil
import subprocess
import sys
import time
from pathlib import Path
from statistics import median

import numpy as np
from PIL import Image

SIDE = 96


def draw(folder: Path, count: int) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    lines = []
    for number in range(count):
        path = folder / f"{number:06}.jpg"
        record = {"id": f"{number:06}", "image": path.name, "captions": [f"picture {number}"]}
        lines.append(json.dumps(record) + "\n")
        if not path.exists():
            rng = np.random.default_rng(number)
            small = rng.integers(0, 256, (6, 6, 3), np.uint8)
            Image.fromarray(small).resize((SIDE, SIDE), Image.Resampling.BICUBIC).save(path)
    (folder / "train.jsonl").write_text("".join(lines))


def seconds(*command: object) -> tuple[float, float]:
    """Seconds on the wall and of processors that a command takes."""
    begun, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-m", "gcl_cli", *map(str, command)], check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return time.perf_counter() - begun, used


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--pictures", type=int, default=10_000)
    parser.add_argument("--repeats", type=int, default=2)
    asked = parser.parse_args()
    data = asked.folder / "pictures"
    draw(data, asked.pictures)
    times: dict[str, list[tuple[float, float]]] = {"embed": [], "index": []}
    more = ("--items", "train")
    for _ in range(asked.repeats):
        for name in times:
            out = asked.folder / name
            shutil.rmtree(out, ignore_errors=True)
            where = ("--out", out) if name == "index" else (out,)
            times[name].append(seconds(name, asked.run, data, *where, *more))
            print(f"{name}: {times[name][-1][0]:.1f} s, {times[name][-1][1]:.1f} of processors")
    for place, what in enumerate(("wall", "processors")):
        embed, index = (median(x[place] for x in times[name]) for name in ("embed", "index"))
        print(f"{what}: index {index:.1f} s, embed {embed:.1f} s, ratio {index / embed:.3f}")


if __name__ == "__main__":
    main()
