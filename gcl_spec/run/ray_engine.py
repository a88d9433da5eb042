"""Encodes the shards of `gcl embed` by Ray Data, on the cores of one machine or of many."""

import json
import logging
import os
import re
import socket
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import numpy as np

from gcl_spec._typing import FloatArray
from gcl_spec._words import one_line
from gcl_spec.embed.work import Encoded
from gcl_spec.errors import ConfigError, DataError, GclError, TrainingError
from gcl_spec.run.ray_workers import Encodes, Job, Reads

__all__ = ["Job", "RayEngine", "assembled", "imported", "ray_errors", "start_at", "start_here"]

_QUIET = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "RAY_BACKEND_LOG_LEVEL": "fatal",
}
_TRIES = 3
_SECONDS = 10
_OURS = re.compile(r"^gcl_spec\.errors\.\w+: (.+)$", re.MULTILINE)
_SHARE = 0.01  # of a core, for those that read


@dataclass(slots=True)
class _Shard:
    """The pieces of a shard that have come: rows (R, D) by their first entry, and how many come."""

    rows: dict[int, FloatArray] = field(default_factory=dict)
    absent: dict[int, str] = field(default_factory=dict)
    hashes: dict[str, str] = field(default_factory=dict)
    wanted: int = 0


@dataclass(frozen=True, slots=True)
class RayEngine:
    """An engine of `gcl_spec.embed.work.Work`.

    job: what is embedded. workers: the processes that have the model. address: of a cluster that
    runs; "" starts Ray on this machine, reached by it alone.

    Raises:
        ConfigError: the model takes vectors.
    """

    job: Job
    workers: int = 2
    address: str = ""

    def __post_init__(self) -> None:
        if self.job.config.model.kind == "adapter":
            raise ConfigError(
                "--engine ray is for pictures and texts; vectors, which an adapter takes, are "
                "embedded faster than they are sent: leave it out"
            )

    def shards(self, numbers: Sequence[int], told: Callable[[int], None]) -> Iterator[Encoded]:
        """Shards in the order in which they are done.

        Args:
            numbers: those of the shards.
            told: hears how many entries are done.

        Raises:
            ConfigError: Ray is not installed, or the cluster cannot be reached.
            DataError: a process could not go on, for a reason that it gives.
            TrainingError: a process ended again and again.
        """
        ray = imported()
        began = not ray.is_initialized()
        if began and self.address:
            start_at(ray, self.address)
        elif began:
            start_here(ray, self.workers)
        try:
            with ray_errors(ray):
                yield from assembled(self._pieces(ray.data, numbers).iter_rows(), numbers, told)
        finally:
            if began:
                ray.shutdown()

    def _pieces(self, data: Any, numbers: Sequence[int]) -> Any:
        """The data set of Ray that gives the encoded pieces of shards."""
        data.DataContext.get_current().enable_progress_bars = False
        again = {"max_restarts": _TRIES, "max_task_retries": _TRIES}
        made = {"fn_constructor_args": (self.job,), "batch_size": 1, **again}
        one, all_of_them = (data.ActorPoolStrategy(size=n) for n in (1, self.workers))
        gpus = 0 if self.job.device in (None, "cpu") else 1
        with warnings.catch_warnings():  # Ray 2.60 warns of max_restarts, for which it has no name
            warnings.simplefilter("ignore")
            read = data.from_items(list(numbers), override_num_blocks=len(numbers)).map_batches(
                Reads, compute=one, num_cpus=_SHARE, **made
            )
            return read.map_batches(
                Encodes, compute=all_of_them, num_cpus=_threads(), num_gpus=gpus, **made
            )


def start_here(ray: Any, workers: int) -> None:
    """Start Ray on this machine, which reaches it alone.

    Args:
        ray: the package.
        workers: the processes that encode.
    """
    cores = workers * _threads() + 1
    _init(ray, "this machine", address="local", num_cpus=cores, include_dashboard=False,
          _node_ip_address="127.0.0.1")  # fmt: skip


def start_at(ray: Any, address: str) -> None:
    """Join a cluster of Ray that runs.

    Args:
        ray: the package.
        address: as in HOST:PORT.

    Raises:
        ConfigError: it cannot be reached.
    """
    _init(ray, address, address=address)


def _init(ray: Any, where: str, **chosen: Any) -> None:
    try:
        _knock(where)
        ray.init(**chosen, logging_level="ERROR", log_to_driver=False)
    except (OSError, RuntimeError, ValueError) as error:
        said = one_line(str(error).strip().partition("\n")[0])[:300]
        raise ConfigError(
            f"Ray cannot be reached at {where}: {said}; name the address of a cluster that runs, "
            "such as HOST:6379, or none"
        ) from error


def _knock(address: str) -> None:
    """Raise an `OSError` where nothing listens at HOST:PORT; Ray itself would try for minutes."""
    parts = urlsplit(address if "//" in address else f"//{address}")
    if parts.hostname and parts.port:
        socket.create_connection((parts.hostname, parts.port), _SECONDS).close()


def _threads() -> int:
    """The threads of a process that encodes: Ray gives it as many cores.

    They are as many as in a process without Ray, since the last digits of rows depend on them.
    """
    asked = os.environ.get("OMP_NUM_THREADS", "")
    return int(asked) if asked.isdigit() and int(asked) else os.cpu_count() or 1


def assembled(
    pieces: Iterable[Mapping[str, Any]], numbers: Sequence[int], told: Callable[[int], None]
) -> Iterator[Encoded]:
    """The shards of pieces, each when it is whole, and once.

    Args:
        pieces: what `Encodes` gives, a piece at a time, in any order; one that comes again, as from
            a process that was started again, counts once.
        numbers: those of the shards.
        told: hears how many entries are done.

    Raises:
        TrainingError: some do not come.
    """
    begun: dict[int, _Shard] = {}
    waiting, done = set(numbers), 0
    for piece in pieces:
        head = json.loads(piece["head"])
        number = head["number"]
        shard = begun.setdefault(number, _Shard()) if number in waiting else None
        if shard is None or head["start"] in shard.rows:
            continue
        _add(shard, head, piece["content"])
        done += head["count"]
        told(done)
        if len(shard.rows) == shard.wanted:
            waiting.remove(number)
            yield _whole(number, begun.pop(number))
    if waiting:
        raise TrainingError(
            f"Ray lost pieces of shards, such as of {min(waiting)}; the same command goes on"
        )


def _add(shard: _Shard, head: Any, content: bytes) -> None:
    start = head["start"]
    shard.rows[start] = np.frombuffer(content, np.float32).reshape(head["shape"])
    shard.absent |= {start + int(place): why for place, why in head["absent"].items()}
    shard.hashes |= head["hashes"]
    shard.wanted = head["pieces"]


def _whole(number: int, shard: _Shard) -> Encoded:
    """The rows of all pieces, in the order of their entries."""
    rows = [shard.rows[start] for start in sorted(shard.rows) if len(shard.rows[start])]
    found_RD = np.concatenate(rows or [np.zeros((0, 0), np.float32)])
    return Encoded(number, found_RD, shard.absent, shard.hashes)


def imported() -> Any:
    """The package of Ray, which tells nobody of its use.

    Raises:
        ConfigError: it is not installed.
    """
    for name, value in _QUIET.items():
        os.environ.setdefault(name, value)
    try:
        import ray
        import ray.data
    except ImportError as error:
        raise ConfigError(
            f"--engine ray needs Ray: pip install 'gcl-spec[ray]' ({error})"
        ) from error
    for name in ("ray", "ray.data"):
        logging.getLogger(name).setLevel(logging.ERROR)
    return ray


@contextmanager
def ray_errors(ray: Any) -> Iterator[None]:
    """Turn what Ray raises in this block into an error of one line.

    Raises:
        DataError: a process raised an error of ours, of which this has the message.
        TrainingError: it ended otherwise.
    """
    try:
        yield
    except GclError:
        raise
    except ray.exceptions.RayError as error:
        ours = _OURS.findall(str(error))
        if ours:
            raise DataError(one_line(ours[-1])[:1000]) from error
        said = one_line(str(error).strip().rpartition("\n")[2])[:300]
        raise TrainingError(
            f"a process of Ray could not go on: {said}; whole shards stay, and the same command "
            "goes on"
        ) from error
