"""Run a function in several processes of torch.distributed, over gloo and a file."""

import tempfile
import traceback
from collections.abc import Callable
from datetime import timedelta
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from torch import multiprocessing

SECONDS = 60
"""For one exchange between the processes."""

LIMIT = 300
"""Seconds for a result to come, after any other one."""


def run(function: Callable[..., Any], size: int, *args: Any) -> list[Any]:
    """`function(rank, *args)` in `size` processes; what each returned, in the order of ranks."""
    context = multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory() as folder:
        workers, ends = [], {}
        for rank in range(size):
            ours, theirs = context.Pipe(duplex=False)
            given = (function, rank, size, folder, theirs, args)
            worker = context.Process(target=_work, args=given)
            worker.start()
            theirs.close()  # or a dead worker's end would still be open, here
            workers.append(worker)
            ends[ours] = rank
        try:
            found = _results(ends, workers)
        finally:  # the others may wait for one that failed
            for worker in workers:
                worker.kill()
                worker.join()
    return [found[rank] for rank in range(size)]


def _results(ends: dict[Connection, int], workers: list[Any]) -> dict[int, Any]:
    """What the workers return, by rank; an AssertionError for the first that does not."""
    found = {}
    while len(found) < len(workers):
        ready = wait([end for end, rank in ends.items() if rank not in found], LIMIT)
        assert ready, f"no result in {LIMIT} s; there are those of ranks {sorted(found)}"
        for end in ready:
            rank = ends[end]
            try:
                ok, result = end.recv()
            except EOFError:
                workers[rank].join(SECONDS)
                code = workers[rank].exitcode
                raise AssertionError(f"rank {rank} died with exit code {code}") from None
            assert ok, result
            found[rank] = result
    return found


def _work(
    function: Callable[..., Any], rank: int, size: int, folder: str, end: Any, args: Any
) -> None:
    torch.set_num_threads(1)
    try:
        dist.init_process_group(
            "gloo",
            init_method=(Path(folder) / "store").as_uri(),
            rank=rank,
            world_size=size,
            timeout=timedelta(seconds=SECONDS),
        )
        result = function(rank, *args)
        dist.destroy_process_group()
    except Exception:
        end.send((False, traceback.format_exc()))
    else:
        end.send((True, result))
