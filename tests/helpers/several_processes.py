"""What trainings in several processes need: data, a launcher, a free port."""

import json
import os
import socket
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from PIL import Image

from compiling import QUICKLY
from prepared import server

TWO = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]


def make_data(folder: Path) -> None:
    """Nine pictures with captions, and one task."""
    lines = []
    task = folder / "tasks" / "colours"
    (folder / "images").mkdir(parents=True)
    task.mkdir(parents=True)
    for n in range(9):
        Image.new("RGB", (40, 40), (25 * n, 90, 250 - 25 * n)).save(folder / f"images/{n}.png")
        lines.append({"id": str(n), "image": f"images/{n}.png", "captions": [f"colour {n}"]})
    (folder / "train.jsonl").write_text("\n".join(map(json.dumps, lines)) + "\n")
    queries = [{"id": f"q{n}", "text": f"colour {n}"} for n in range(9)]
    found = [{"id": f"c{n}", "image": f"images/{n}.png"} for n in range(9)]
    (task / "queries.jsonl").write_text("\n".join(map(json.dumps, queries)) + "\n")
    (task / "candidates.jsonl").write_text("\n".join(map(json.dumps, found)) + "\n")
    (task / "qrels.tsv").write_text("".join(f"q{n}\tc{n}\n" for n in range(9)))


def run_together(command: Sequence[str], backend: str, logs: Path, size: int = 2) -> None:
    """Do what `python COMMAND` does in so many processes that know of each other.

    They are forks, which start sooner than those of a launcher. logs: a folder, which is made.
    """
    logs.mkdir()
    plain = {**os.environ, "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
    plain |= {"XLA_FLAGS": QUICKLY, "JAX_PLATFORMS": "cpu"}
    port = free_port()
    environments = [plain | joined(backend, rank, size, port) for rank in range(size)]
    if size == 1:  # as without a launcher
        environments = [plain]
    paths = [logs / f"{n}.log" for n in range(size)]
    with ExitStack() as stack:
        files = [stack.enter_context(path.open("w")) for path in paths]
        workers = [
            server(backend).start(command, env=one, stdout=file, stderr=file)
            for one, file in zip(environments, files, strict=True)
        ]
        try:
            codes = [worker.wait(timeout=400) for worker in workers]
        finally:  # the others may wait for one that failed
            for worker in workers:
                worker.kill()
    assert not any(codes), "\n".join(path.read_text() for path in paths)


def joined(backend: str, rank: int, size: int, port: str) -> dict[str, str]:
    """The variables by which process `rank` finds the others, as launchers set them."""
    if backend == "torch":
        return {
            "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "WORLD_SIZE": str(size),
            "RANK": str(rank), "LOCAL_RANK": str(rank),
        }  # fmt: skip
    return {
        "JAX_COORDINATOR_ADDRESS": f"127.0.0.1:{port}", "JAX_NUM_PROCESSES": str(size),
        "JAX_PROCESS_ID": str(rank), "JAX_PLATFORMS": "cpu",
    }  # fmt: skip


def free_port() -> str:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return str(found.getsockname()[1])
