"""The measurement of one candidate, in the process that was started for it."""

import math
import time
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any

import numpy as np

from gcl_spec.backend import Bench, Candidate, Inputs, Step
from gcl_spec.bench.memory import ProcessMemory
from gcl_spec.normalize import l2_normalize
from gcl_spec.objective import preset

__all__ = ["TEMPERATURE", "Case", "Measurement", "draw", "measure"]

TEMPERATURE = 0.05
_REHEARSAL = 16


@dataclass(frozen=True, slots=True)
class Case:
    """One candidate on one batch."""

    backend: str
    candidate: str
    batch: int
    width: int
    dtype: str
    device: str | None
    threads: int
    repeats: int
    objective: str


@dataclass(frozen=True, slots=True)
class Measurement:
    """What one candidate costs; times in milliseconds, each list in the order of the repeats."""

    step_ms: list[float]
    product_ms: list[float]
    peak_mb: float | None
    """The most memory over the inputs, gradients included, in 10^6 bytes."""
    memory: str
    """The source of `peak_mb`, such as "VmHWM"."""
    compile_s: float | None
    loss: float
    cores: float
    """Processor time of the host by wall time, over all steps: 1.0 is one busy core."""

    @property
    def ms(self) -> float:
        """Median time of a forward and backward pass."""
        return median(self.step_ms)

    @property
    def products(self) -> float:
        """The time of a step as a multiple of one matrix product of the stacked rows."""
        return self.ms / median(self.product_ms)

    def to_json(self) -> dict[str, Any]:
        """The measurement with its medians, as JSON takes it."""
        return {"ms": self.ms, "products": self.products, **asdict(self)}


def draw(batch: int, width: int, seed: int = 0) -> Inputs:
    """Inputs of `batch` pairs: directions drawn evenly, fused rows normalise(image + text).

    >>> inputs = draw(2, 3)
    >>> inputs.image_BD.shape, round(float(inputs.log_scale), 3)
    ((2, 3), 2.996)
    """
    image_BD, text_BD = l2_normalize(
        np.random.default_rng(seed).standard_normal((2, batch, width)), xp=np
    )
    fused_BD = l2_normalize(image_BD + text_BD, xp=np)
    return Inputs(image_BD, text_BD, fused_BD, -math.log(TEMPERATURE))


def measure(bench: Bench, candidate: Candidate, case: Case) -> Measurement:
    """Measure memory first, before anything else has raised the peak, then time.

    Two steps that do not count come before the timed ones. Steps take turns with the product, so
    that a machine that slows down slows both.
    """
    objective = preset(case.objective)
    # Libraries load code at the first call of anything, which is no memory of the loss.
    rehearsal = candidate.prepare(draw(min(_REHEARSAL, case.batch), case.width), objective)
    bench.wait(rehearsal.step())
    del rehearsal
    inputs = draw(case.batch, case.width)
    step, compile_seconds = candidate.prepare(inputs, objective)
    memory = bench.memory() or ProcessMemory()
    memory.start()
    for _ in range(2):
        result = step()
        bench.wait(result)
        loss = float(result[0])
        del result
    peak = memory.peak()
    product = bench.product(np.concatenate(inputs[:3]))
    _clock(bench, product)
    steps, products = [], []
    for _ in range(case.repeats):
        products.append(_clock(bench, product)[0])
        steps.append(_clock(bench, step))
    return Measurement(
        step_ms=[1e3 * wall for wall, _ in steps],
        product_ms=[1e3 * wall for wall in products],
        peak_mb=None if peak is None else peak / 1e6,
        memory=memory.kind,
        compile_s=compile_seconds,
        loss=loss,
        cores=sum(cpu for _, cpu in steps) / sum(wall for wall, _ in steps),
    )


def _clock(bench: Bench, step: Step) -> tuple[float, float]:
    """Seconds of wall time and of processor time that a step takes."""
    cpu, wall = time.process_time(), time.perf_counter()
    bench.wait(step())
    return time.perf_counter() - wall, time.process_time() - cpu
