"""Run a function in several processes of torch.distributed, over gloo and a file."""

from collections.abc import Callable
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist

from gcl_spec.conformance.workers import Workers

SECONDS = 120
"""For one exchange between the processes."""


def run(function: Callable[..., Any], size: int, *args: Any) -> list[Any]:
    """`function(rank, *args)` in `size` processes; what each returned, in the order of ranks."""
    workers = Workers(partial(_join, function), size)
    try:
        return workers.ask(args)
    finally:
        workers.close()


def _join(function: Callable[..., Any], rank: int, size: int, folder: str) -> Callable[[Any], Any]:
    torch.set_num_threads(1)
    dist.init_process_group(
        "gloo",
        init_method=(Path(folder) / "store").as_uri(),
        rank=rank,
        world_size=size,
        timeout=timedelta(seconds=SECONDS),
    )
    return lambda args: function(rank, *args)
