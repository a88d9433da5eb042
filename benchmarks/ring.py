"""One batch over several processes, its rows gathered or going round a ring, beside one process.

    python benchmarks/ring.py --pairs 8192 --processes 2 3 4

It prints a line for each number of processes and way: the wall-clock time of forward and backward
(the median of `--repeats`; ways take turns), the efficiency T1 / (P TP), and what does not change
where other work shares the machine: the processor time of each rank, the tiles of samples that
each computes, and how often a pair of samples is computed (1 is best; one process computes the
tiles on its diagonal whole). MB is the largest rise of a rank's resident memory in one step.
"""

import argparse
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from math import log
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple
from unittest.mock import patch

import torch
import torch.distributed as dist
from torch import multiprocessing

from gcl_spec.bench.memory import ProcessMemory
from gcl_spec.loss.tiled import loop, schedule
from gcl_torch import gcl_loss

Step = Callable[[], None]
"""Forward and backward of one process's share."""


class Line(NamedTuple):
    """What was measured of one number of processes in one way; lists are by rank."""

    size: int
    way: str
    wall: float
    processor: list[float]
    tiles: list[int]
    pairs: list[int]
    megabytes: float


class Counted:
    """The tiles, and pairs of samples in them, that a process computes in one pass."""

    def __init__(self) -> None:
        self.tiles, self.pairs = 0, 0

    def turns_of(self, slices: Any, *options: Any) -> Iterator[tuple[int, list[int]]]:
        """The pairs of tiles of `schedule.turns_of`, which are counted as they are taken."""
        sizes = [at.stop - at.start for at in slices]
        for i, others in schedule.turns_of(slices, *options):
            self.tiles += len(others)
            self.pairs += sum(sizes[i] * sizes[j] for j in others)
            yield i, others


def make_step(options: argparse.Namespace, rank: int, size: int, way: str, group: Any) -> Step:
    """Forward and backward on a rank's share of drawn pairs."""
    first, last = (options.pairs * r // size for r in (rank, rank + 1))
    generator = torch.Generator().manual_seed(0)
    shape = (options.pairs, options.width)
    image, text = (torch.randn(shape, generator=generator) for _ in range(2))
    image = torch.nn.functional.normalize(image, dim=1)
    text = torch.nn.functional.normalize(image + 0.05 * text, dim=1)
    rows = [x[first:last].clone().requires_grad_() for x in (image, text)]
    scale = torch.tensor(log(20.0), requires_grad=True)
    where: dict[str, Any] = {} if size == 1 else {"group": group, "ring": way == "ring"}

    def step() -> None:
        gcl_loss(*rows, log_scale=scale, **where).backward()
        for x in (*rows, scale):
            x.grad = None

    return step


def rehearse(step: Step) -> tuple[int, int, float]:
    """The tiles and pairs of samples of one step's first pass, and its rise of memory in MB."""
    counted, memory = Counted(), ProcessMemory()
    memory.start()
    with patch.object(loop, "turns_of", counted.turns_of):
        step()
    return counted.tiles // 2, counted.pairs // 2, memory.peak() / 1e6


def timed(step: Step, group: Any) -> tuple[float, float]:
    """Wall-clock and processor time of one step, which all processes of a group begin together."""
    dist.barrier(group)
    wall, processor = time.perf_counter(), time.process_time()
    step()
    return time.perf_counter() - wall, time.process_time() - processor


def work(rank: int, options: argparse.Namespace, store: str) -> None:
    """One process: all processes take part in every line, or wait while it is measured."""
    torch.set_num_threads(1)
    size = max(options.processes)
    dist.init_process_group("gloo", init_method=store, rank=rank, world_size=size)
    groups = {p: dist.new_group(list(range(p))) for p in (1, *options.processes)}
    keys = [(1, "alone")] + [(p, way) for p in options.processes for way in ("gathered", "ring")]
    warm = argparse.Namespace(pairs=600, width=8)
    records: dict[tuple[int, str], list[Any]] = {}
    steps: dict[tuple[int, str], Step] = {}
    for p, way in keys:
        dist.barrier()
        if rank < p:
            make_step(warm, rank, p, way, groups[p])()  # loads code
            steps[p, way] = make_step(options, rank, p, way, groups[p])
            records[p, way] = [rehearse(steps[p, way]), []]
    for _ in range(options.repeats):
        for key in keys:
            dist.barrier()
            if rank < key[0]:
                records[key][1].append(timed(steps[key], groups[key[0]]))
    every: list[Any] = [None] * size
    dist.all_gather_object(every, records)
    if rank == 0:
        report([line_of(key, [every[r][key] for r in range(key[0])]) for key in keys], options)


def line_of(key: tuple[int, str], ranks: list[Any]) -> Line:
    """The line of one number of processes and way, of what each of its ranks found."""
    tiles, pairs, megabytes = (list(x) for x in zip(*(counts for counts, _ in ranks), strict=True))
    walls = [max(wall for wall, _ in turn) for turn in zip(*(t for _, t in ranks), strict=True)]
    processor = [median(p for _, p in times) for _, times in ranks]
    return Line(*key, median(walls), processor, tiles, pairs, max(megabytes))


def report(lines: list[Line], options: argparse.Namespace) -> None:
    """Print the table of all lines."""
    alone, n = lines[0], options.pairs
    print(
        f"N = {n}, d = {options.width}, float32, one thread a process, torch {torch.__version__}, "
        f"median of {options.repeats}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}\n"
    )
    print("| processes | way | wall, s | efficiency | processor, s, by rank | of one process's |")
    print("|--:|---|--:|--:|---|--:|")
    for x in lines:
        shares = ", ".join(f"{seconds:.2f}" for seconds in x.processor)
        ratio = sum(x.processor) / alone.processor[0]
        efficiency = alone.wall / (x.size * x.wall)
        print(f"| {x.size} | {x.way} | {x.wall:.2f} | {efficiency:.0%} | {shares} | {ratio:.2f} |")
    print("\n| processes | way | tiles by rank | largest share | times computed | MB |")
    print("|--:|---|---|--:|--:|--:|")
    for x in lines:
        tiles, times = ", ".join(map(str, x.tiles)), sum(x.pairs) / (n * (n + 1) / 2)
        most = max(x.pairs) / sum(x.pairs)
        print(f"| {x.size} | {x.way} | {tiles} | {most:.1%} | {times:.3f} | {x.megabytes:.0f} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=8192)
    parser.add_argument("--width", type=int, default=512)
    parser.add_argument("--processes", type=int, nargs="+", default=[2])
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        store = (Path(folder) / "store").as_uri()
        multiprocessing.spawn(work, (options, store), nprocs=max(options.processes))


if __name__ == "__main__":
    main()
