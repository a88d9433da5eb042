"""The measurement of an exact search, beside the plain product of the same shapes."""

import hashlib
import math
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from gcl_spec._typing import FloatArray
from gcl_spec.bench.memory import ProcessMemory
from gcl_spec.errors import ConfigError
from gcl_spec.search.multipliers import multiplier
from gcl_spec.search.top_k import top_k

__all__ = ["SearchCase", "SearchMeasurement", "measure_search", "unit_rows", "write_rows"]

_BLOCK = 16384
_PRODUCT_ROWS = 8192
_REHEARSAL = 4096


@dataclass(frozen=True, slots=True)
class SearchCase:
    """One search by one backend."""

    backend: str
    path: str
    """A .npy file of the candidates, (C, D) float32."""
    queries: int
    k: int
    memory: str
    threads: int
    repeats: int
    device: str | None


@dataclass(frozen=True, slots=True)
class SearchMeasurement:
    """What a search costs; times in seconds, each list in the order of the repeats."""

    search_s: list[float]
    product_s: list[float]
    """The times of all products of queries and rows of a chunk in memory, without a selection."""
    search_cpu_s: list[float]
    """Processor time, which other programs on the machine change less."""
    product_cpu_s: list[float]
    peak_mb: float
    """The memory of the whole process at its peak, with libraries and queries, in 10^6 bytes."""
    rise_mb: float
    """The rise of the memory by the search."""
    memory: str
    """The source of `peak_mb` and `rise_mb`, such as "VmHWM"."""
    ids: str
    """The SHA-256 of the ids found."""
    cut: int
    """The number of queries of which K cuts a tie."""

    @property
    def products(self) -> float:
        """The time of a search as a multiple of that of the products."""
        return median(self.search_s) / median(self.product_s)

    @property
    def cpu_products(self) -> float:
        """The processor time of a search as a multiple of that of the products."""
        return median(self.search_cpu_s) / median(self.product_cpu_s)

    def to_json(self) -> dict[str, Any]:
        """The measurement with its ratios, as JSON takes it."""
        return {"products": self.products, "cpu_products": self.cpu_products, **asdict(self)}


def unit_rows(count: int, width: int, seed: int) -> FloatArray:
    """Directions drawn evenly, shape (C, D) = (count, width), float32.

    >>> unit_rows(2, 3, seed=0).shape
    (2, 3)
    """
    rows = np.random.default_rng(seed).standard_normal((count, width), np.float32)
    rows /= np.sqrt(np.vecdot(rows, rows))[:, None]
    return rows


def write_rows(path: Path, count: int, width: int) -> None:
    """Write `count` unit rows as a .npy file, block by block, each from a seed of its own.

    Raises:
        ConfigError: the disk has no room for them.
    """
    import shutil

    needed, free = 4 * count * width, shutil.disk_usage(path.parent).free
    if needed > free:
        raise ConfigError(
            f"{count} rows need {needed / 1e9:.1f} GB, and {path.parent} has {free / 1e9:.1f} GB; "
            "give another --folder or fewer rows"
        )
    with path.open("wb") as file:
        header = {"descr": "<f4", "fortran_order": False, "shape": (count, width)}
        np.lib.format.write_array_header_1_0(file, header)
        for block, start in enumerate(range(0, count, _BLOCK)):
            unit_rows(min(_BLOCK, count - start), width, seed=block + 1).tofile(file)


def measure_search(case: SearchCase) -> SearchMeasurement:
    """Search the whole file in turn with the plain products, after a rehearsal on its first rows.

    The products are those of the queries with the rows of one chunk, as often as there are chunks:
    nothing is read from the file, and each result is overwritten.
    """
    by = multiplier(case.backend)
    rows_CD = np.load(case.path, mmap_mode="r")
    queries_QD = unit_rows(case.queries, rows_CD.shape[1], seed=0)
    find = partial(top_k, backend=by, device=case.device, memory=case.memory)
    # What a library loads at its first call is no memory of the search.
    find(queries_QD, rows_CD[:_REHEARSAL], case.k)
    plain = _plain(by, queries_QD, rows_CD, case.device)
    meter = ProcessMemory()
    searches, products = [], [_clock(plain)]
    meter.start()
    for _ in range(case.repeats):
        begun = _now()
        nearest = find(queries_QD, [case.path], case.k)
        searches.append(_since(begun))
        products.append(_clock(plain))
    rise, peak = meter.peak(), meter.high()
    return SearchMeasurement(
        search_s=[wall for wall, _ in searches],
        product_s=[wall for wall, _ in products],
        search_cpu_s=[cpu for _, cpu in searches],
        product_cpu_s=[cpu for _, cpu in products],
        peak_mb=peak / 1e6,
        rise_mb=rise / 1e6,
        memory=meter.kind,
        ids=hashlib.sha256(nearest.ids_QK.tobytes()).hexdigest(),
        cut=int(np.count_nonzero(nearest.cut_Q)),
    )


def _plain(
    by: Any, queries_QD: FloatArray, rows_CD: FloatArray, device: str | None
) -> Callable[[], None]:
    count = min(_PRODUCT_ROWS, len(rows_CD))
    products = by.products([queries_QD], rows=count, device=device)
    products.take(np.array(rows_CD[:count]))
    products.product(0)

    def plain() -> None:
        for _ in range(math.ceil(len(rows_CD) / count)):
            products.product(0)

    return plain


def _clock(work: Callable[[], Any]) -> tuple[float, float]:
    begun = _now()
    work()
    return _since(begun)


def _now() -> tuple[float, float]:
    """Seconds of wall time and of processor time."""
    return time.perf_counter(), time.process_time()


def _since(begun: tuple[float, float]) -> tuple[float, float]:
    wall, cpu = _now()
    return wall - begun[0], cpu - begun[1]
