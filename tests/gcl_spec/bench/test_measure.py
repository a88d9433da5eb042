"""One candidate measured: what is counted, in which order and units. No time is judged."""

from typing import Any

import numpy as np
import pytest

from gcl_spec.backend import Candidate, Inputs, Prepared
from gcl_spec.bench.measure import Case, Measurement, draw, measure
from gcl_spec.objective import GCL, Objective


class Meter:
    kind = "meter"

    def __init__(self, log: list[str]) -> None:
        self._log = log

    def start(self) -> None:
        self._log.append("start")

    def peak(self) -> int:
        self._log.append("peak")
        return 3_000_000


class Bench:
    """It says what it is asked, in order."""

    version = "1"

    def __init__(self) -> None:
        self.log: list[str] = []

    def candidates(self) -> dict[str, Candidate]:
        return {"some": Candidate(self.prepare, "about")}

    def prepare(self, inputs: Inputs, objective: Objective) -> Prepared:
        assert objective == GCL
        self.log.append(f"prepare {len(inputs.image_BD)}")
        return Prepared(lambda: self.log.append("step") or (1.5,), 0.25)

    def product(self, rows_ND: np.ndarray, /) -> Any:
        self.log.append(f"rows {rows_ND.shape}")
        return lambda: self.log.append("product")

    def wait(self, result: Any, /) -> None:
        pass

    def memory(self) -> Meter:
        return Meter(self.log)


def test_memory_comes_first_and_steps_take_turns_with_products() -> None:
    bench = Bench()
    case = Case("b", "some", 20, 3, "float32", None, 1, 2, "gcl")
    found = measure(bench, bench.candidates()["some"], case)
    assert bench.log == [
        "prepare 16", "step", "prepare 20", "start", "step", "step", "peak", "rows (60, 3)",
        "product", "product", "step", "product", "step",
    ]  # fmt: skip
    assert (found.peak_mb, found.memory, found.compile_s, found.loss) == (3.0, "meter", 0.25, 1.5)
    assert len(found.step_ms) == len(found.product_ms) == 2


def test_medians() -> None:
    found = Measurement([9.0, 1.0, 2.0], [0.5, 4.0, 1.0], None, "m", None, 1.0, 1.0)
    assert (found.ms, found.products) == (2.0, 2.0)
    assert found.to_json()["ms"] == 2.0
    assert found.to_json()["step_ms"] == [9.0, 1.0, 2.0]


def test_inputs_are_unit_rows_by_seed() -> None:
    one, two, other = draw(5, 3), draw(5, 3), draw(5, 3, seed=1)
    for x, y, z in zip(one[:3], two[:3], other[:3], strict=True):
        np.testing.assert_allclose(np.linalg.norm(x, axis=1), 1)
        np.testing.assert_array_equal(x, y)
        assert not np.array_equal(x, z)
    total = one.image_BD + one.text_BD
    np.testing.assert_allclose(one.fused_BD, total / np.linalg.norm(total, axis=1, keepdims=True))
    assert one.log_scale == pytest.approx(np.log(20))
