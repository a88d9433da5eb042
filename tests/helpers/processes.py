"""Run a function in several processes of torch.distributed, over gloo and a file.

As a program, it is one of them: `processes.py FOLDER RANK SIZE`.
"""

import pickle
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from typing import Any

SECONDS = 120
"""The time that one exchange between the processes may take."""

_ALL_SECONDS = 400


def run(function: Callable[..., Any], size: int, *args: Any) -> list[Any]:
    """`function(rank, *args)` in `size` processes; what each returned, in the order of ranks."""
    from prepared import server

    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        (folder / "call").write_bytes(pickle.dumps((function, args)))
        log = stack.enter_context((folder / "log").open("w+"))
        children = []
        for rank in range(size):
            command = [__file__, folder, rank, size]
            children.append(server("torch").start(command, stdout=log, stderr=log))
            stack.callback(children[-1].kill)
        until = time.monotonic() + _ALL_SECONDS
        while any(child.poll() is None for child in children):
            # Where one fails, the others may wait for it.
            assert not any(child.returncode for child in children), (folder / "log").read_text()
            assert time.monotonic() < until, (folder / "log").read_text()
            time.sleep(0.02)
        assert not any(child.returncode for child in children), (folder / "log").read_text()
        return [pickle.loads((folder / f"answer{rank}").read_bytes()) for rank in range(size)]


def _work(folder: Path, rank: int, size: int) -> None:
    import torch
    import torch.distributed as dist

    function, args = pickle.loads((folder / "call").read_bytes())
    torch.set_num_threads(1)
    dist.init_process_group(
        "gloo",
        init_method=(folder / "store").as_uri(),
        rank=rank,
        world_size=size,
        timeout=timedelta(seconds=SECONDS),
    )
    (folder / f"answer{rank}").write_bytes(pickle.dumps(function(rank, *args)))


if __name__ == "__main__":
    _work(Path(sys.argv[1]), *map(int, sys.argv[2:]))
