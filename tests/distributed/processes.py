"""Run a function in several processes of torch.distributed, over gloo and a file."""

import tempfile
import traceback
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from torch import multiprocessing

SECONDS = 60


def run(function: Callable[..., Any], size: int, *args: Any) -> list[Any]:
    """`function(rank, *args)` in `size` processes; what each returned, in the order of ranks."""
    context = multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory() as folder:
        results = context.SimpleQueue()
        workers = [
            context.Process(target=_work, args=(function, rank, size, folder, results, args))
            for rank in range(size)
        ]
        for worker in workers:
            worker.start()
        found: dict[int, tuple[bool, Any]] = {}
        try:
            while len(found) < size and all(ok for ok, _ in found.values()):
                rank, result = results.get()
                found[rank] = result
        finally:  # the others may wait for one that failed
            for worker in workers:
                if len(found) < size:
                    worker.kill()
                worker.join()
    failures = [text for ok, text in found.values() if not ok]
    assert not failures, "\n".join(failures)
    return [found[rank][1] for rank in range(size)]


def _work(
    function: Callable[..., Any], rank: int, size: int, folder: str, results: Any, args: Any
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
        results.put((rank, (True, function(rank, *args))))
        dist.destroy_process_group()
    except Exception:
        results.put((rank, (False, traceback.format_exc())))
