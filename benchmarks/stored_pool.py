"""Time and memory of scoring a large stored pool: a drawn M-BEIR whose rows are drawn, too.

    python benchmarks/stored_pool.py FOLDER --candidates 1000000 --width 256 --dtype float16

Half the candidates are pictures, half are texts of 400 bytes; two tasks ask for them, in their own
pools and in both together. FOLDER is made, and removed by you. The evaluation is a process of its
own, whose peak is the system's count (VmHWM, with all mapped pages). The plain product is that of
all queries with all candidates, as often as the evaluation makes it, on rows that are in memory.
"""

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from gcl_spec.embed.maker import Maker
from gcl_spec.embed.manifest import write_manifest
from gcl_spec.embed.shards import write_shard
from gcl_spec.evaluate.published import measure
from gcl_spec.run.embedded import StoredItems, load_embeddings
from gcl_spec.run.listings import TaskListing
from gcl_spec.run.to_embed import Described, tasks_of

SETS = (("visualnews_task0", "0:", "image"), ("webqa_task1", "2:", "text"))
COLUMNS = ("local hit@5", "global hit@50")
SHARD, CHUNK = 8192, 8192


def main() -> None:
    """Make the folder where it is not there, and print what a process needs for it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--candidates", type=int, default=1_000_000)
    parser.add_argument("--queries", type=int, default=512, help="of each of the two tasks")
    parser.add_argument("--width", type=int, default=256)
    parser.add_argument("--dtype", choices=["float16", "float32"], default="float16")
    parser.add_argument("--whole", action="store_true", help="hold all rows in memory instead")
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.child:
        evaluate(given.folder / "rows", whole=given.whole)
        return
    if not (given.folder / "rows" / "manifest.json").exists():
        write_data(given.folder / "M-BEIR", given.candidates, given.queries)
        write_rows(given.folder, given.width, given.dtype)
    subprocess.run([sys.executable, __file__, *sys.argv[1:], "--child"], check=True)
    plain(given.candidates, 2 * given.queries, given.width)


def write_data(folder: Path, candidates: int, queries: int) -> None:
    """Write two sets of M-BEIR in its published layout."""
    for part in ("query/test", "qrels/test", "cand_pool/local"):
        (folder / part).mkdir(parents=True)
    for name, prefix, modality in SETS:
        with (folder / f"cand_pool/local/mbeir_{name}_cand_pool.jsonl").open("w") as file:
            for n in range(1, candidates // 2 + 1):
                candidate = {
                    "did": f"{prefix}{n}",
                    "txt": None,
                    "img_path": None,
                    "modality": modality,
                }
                text = {"img_path": f"mbeir_images/{n:09d}.jpg", "txt": f"text {n} {'words ' * 65}"}
                key = "img_path" if modality == "image" else "txt"
                file.write(json.dumps({**candidate, key: text[key]}) + "\n")
        with (
            (folder / f"query/test/mbeir_{name}_test.jsonl").open("w") as file,
            (folder / f"qrels/test/mbeir_{name}_test_qrels.txt").open("w") as qrels,
        ):
            for n in range(1, queries + 1):
                query = {"qid": f"{prefix}{n}", "query_txt": f"{name} {n}", "query_img_path": None}
                file.write(json.dumps({**query, "query_modality": "text"}) + "\n")
                qrels.write(f"{prefix}{n} 0 {prefix}{n} 1 0\n")


def write_rows(folder: Path, width: int, dtype: str) -> None:
    """Write shards of drawn unit rows, as `gcl embed` does; those of equal numbers are near."""
    described = Described(str(folder / "M-BEIR"), "mbeir", items="tasks")
    listing = TaskListing(tasks_of(described)[0])
    maker = Maker("drawn", "0" * 64, "0" * 64, "none", dtype, SHARD)
    (folder / "rows").mkdir(exist_ok=True)
    count, alike = -(-len(listing) // SHARD), drawn(0, 1 << 14, width)
    for number in range(count):
        entries = listing.entries(slice(number * SHARD, (number + 1) * SHARD))
        rows = drawn(1 + number, len(entries), width)
        rows += alike[[int(entry.id.partition(":")[2]) % len(alike) for entry in entries]]
        rows /= np.linalg.norm(rows, axis=1, keepdims=True)
        write_shard(folder / "rows", number, maker, entries, rows, {}, "0" * 64)
    write_manifest(folder / "rows", count, maker, described.to_json())


def drawn(seed: int, count: int, width: int) -> "np.ndarray[tuple[int, int], np.dtype[np.float32]]":
    """Unit rows (N, D)."""
    rows = np.random.default_rng(seed).standard_normal((count, width), np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return rows


def evaluate(folder: Path, *, whole: bool) -> None:
    """Print the time of each step of `gcl eval --embeddings`, and the peak of this process."""
    stored, begun = load_embeddings(folder), clocks()
    read, _ = tasks_of(Described.from_json(stored.manifest.about))
    done = [("read the data", clocks())]
    items = StoredItems(stored)
    tasks, _ = items.tasks(read)
    done.append(("find the rows", clocks()))
    figures = measure(items.rows, tasks, COLUMNS, read_pool=None if whole else items.pool)
    done.append(("score them", clocks()))
    for what, end in done:
        print(f"{what:14} {end[0] - begun[0]:7.1f} s, of a processor {end[1] - begun[1]:.1f} s")
        begun = end
    means = (f"{figure.task} {figure.column} {figure.band[1]:.6f}" for figure in figures)
    print(f"figures        {', '.join(means)}")
    print(f"peak           {peak():7,} MB")


def clocks() -> tuple[float, float]:
    """The time of the wall clock, and that of the processor, which other work moves less."""
    return time.perf_counter(), time.process_time()


def peak() -> int:
    """The peak of this process in MB, as Linux counts it."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM"):
            return int(line.split()[1]) // 1024
    raise SystemExit("no VmHWM in /proc/self/status")


def plain(candidates: int, queries: int, width: int) -> None:
    """Print the time of the products alone: local pools are half of the global one."""
    for dtype in (np.float32, np.float64):
        left = drawn(1, min(queries // 2, 1024), width).astype(dtype)
        right = drawn(2, CHUNK, width).astype(dtype)
        space = np.empty((len(left), CHUNK), dtype)
        begun = clocks()
        for _ in products(candidates, queries, len(left)):
            np.matmul(left, right.T, out=space)
        wall, busy = (end - start for start, end in zip(begun, clocks(), strict=True))
        print(f"plain products {wall:7.1f} s, of a processor {busy:.1f} s: {np.dtype(dtype).name}")


def products(candidates: int, queries: int, at_once: int) -> Iterator[int]:
    """As many numbers as there are products of some queries with a chunk."""
    return iter(range((queries // at_once) * candidates * 3 // 2 // CHUNK))


if __name__ == "__main__":
    main()
