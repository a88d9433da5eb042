"""What an index of a million rows costs: appends, compaction, and searches of every kind.

    python benchmarks/million_rows.py FOLDER --rows 1000000 --width 512

The rows are synthetic: 10,000 centres in a space of 64 numbers, which is turned into one of
`--width` and gets noise, as rows of models lie near a space of fewer numbers. The queries are drawn
in the same way. FOLDER is made anew.
"""

import argparse
import resource
import shutil
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from gcl_spec.index.approximate import approximate, build
from gcl_spec.index.exact import stream
from gcl_spec.index.table import Row, Table, create_table
from gcl_spec.progress import Quiet

INNER, CENTRES = 64, 10_000
SHARES = {"0.1 %": 1, "1 %": 10, "10 %": 100}  # of a thousand


class Space:
    def __init__(self, width: int) -> None:
        rng = np.random.default_rng(0)
        self.width = width
        self.turn = rng.normal(size=(INNER, width)).astype(np.float32) / 8
        self.centres = rng.normal(size=(CENTRES, INNER)).astype(np.float32)

    def rows(self, count: int, seed: int) -> "np.ndarray[tuple[int, int], np.dtype[np.float32]]":
        rng = np.random.default_rng(seed)
        inner = self.centres[rng.integers(0, CENTRES, count)]
        inner = inner + 0.6 * rng.normal(size=inner.shape).astype(np.float32)
        rows = inner @ self.turn
        rows += 0.1 * rng.normal(size=rows.shape).astype(np.float32)
        rows /= np.linalg.norm(rows, axis=1, keepdims=True)
        return rows


def kind(number: int) -> str:
    """Modalities for the filters: of a thousand rows 1, 10, 100 and the rest."""
    place = number % 1000
    return next((name for name, share in SHARES.items() if place < share), "rest")


def put(table: Table, space: Space, start: int, count: int) -> None:
    numbers = range(start, start + count)
    rows = [Row(f"{n:08}", kind(n), None, None, 0, "0" * 32) for n in numbers]
    table.put(rows, {"vector": space.rows(count, start)}, replaces=False)


def peak() -> float:
    """MB of memory at most, so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3


def milliseconds(times: Sequence[float]) -> str:
    middle, slow = np.quantile(times, [0.5, 0.95]) * 1000
    return f"p50 {middle:.1f} ms, p95 {slow:.1f} ms"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--width", type=int, default=512)
    parser.add_argument("--appends", type=int, default=1000)
    parser.add_argument("--queries", type=int, default=100)
    asked = parser.parse_args()
    shutil.rmtree(asked.folder, ignore_errors=True)
    asked.folder.mkdir(parents=True)
    space, columns = Space(asked.width), {"vector": asked.width}
    create_table(asked.folder, columns, "float32")
    table = Table(asked.folder, columns, "float32")
    print(f"memory before: {peak():,.0f} MB", flush=True)
    fill(table, space, asked.rows, asked.appends)
    print(f"disk: {table.state()}, peak memory so far {peak():,.0f} MB", flush=True)
    begun = time.perf_counter()
    build(table, "vector", Quiet())
    print(f"index: {time.perf_counter() - begun:,.0f} s, peak memory {peak():,.0f} MB", flush=True)
    search(table, space.rows(asked.queries, 1 << 40))


def fill(table: Table, space: Space, rows: int, appends: int) -> None:
    """All rows, in as many commits as are asked for, tidied after each as `gcl index` does."""
    size, most, begun = -(-rows // appends), 0, time.perf_counter()
    for start in range(0, rows, size):
        put(table, space, start, min(size, rows - start))
        table.tidy()
        most = max(most, table.fragments())
    took = time.perf_counter() - begun
    print(f"{appends:,} appends of {size:,} rows: {took:,.0f} s, at most {most} fragments")


def search(table: Table, queries: "np.ndarray[tuple[int, int], np.dtype[np.float32]]") -> None:
    whole = list(table.batches(("id", "modality", "vector")))
    ids = np.concatenate([np.asarray(x["id"].to_pylist()) for x in whole])
    kinds = np.concatenate([np.asarray(x["modality"].to_pylist()) for x in whole])
    shares, times = [], []
    scores = [np.concatenate([table.rows_of(x, "vector") @ q for x in whole]) for q in queries]
    for query in queries:  # the caches are filled
        approximate(table, "vector", query, 10, ())
    for query, all_scores in zip(queries, scores, strict=True):
        begun = time.perf_counter()
        hit_ids = {hit.id for hit in approximate(table, "vector", query, 10, ())}
        times.append(time.perf_counter() - begun)
        shares.append(len(hit_ids & set(ids[np.argpartition(-all_scores, 10)[:10]].tolist())) / 10)
    print(f"approximate: recall@10 {np.mean(shares):.3f}, {milliseconds(times)}", flush=True)
    for name in (*SHARES, "all"):
        right, times = 0, []
        for query, all_scores in list(zip(queries, scores, strict=True))[:10]:
            begun = time.perf_counter()
            hits = stream(table, "vector", query, 10, () if name == "all" else (name,))
            times.append(time.perf_counter() - begun)
            kept = all_scores if name == "all" else np.where(kinds == name, all_scores, -2)
            right += {hit.id for hit in hits} == set(ids[np.argpartition(-kept, 10)[:10]].tolist())
        print(f"exact, {name} of the rows: {right} of 10 as the oracle, {milliseconds(times)}")


if __name__ == "__main__":
    main()
