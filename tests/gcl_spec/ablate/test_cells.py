"""Cells of an ablation: which there are, and the options of each."""

from pathlib import Path

import pytest

from gcl_spec.ablate.cells import OBJECTIVES, SCALES, Cell, cell_config, cells
from gcl_spec.config.options import Config
from gcl_spec.errors import ConfigError
from gcl_spec.objective import PRESETS


def test_every_objective_at_every_scale_with_every_seed_once() -> None:
    found = cells(["clip", "gcl"], ["100", "learned"], 2)
    assert found[:4] == [
        Cell("clip", "100", 0), Cell("gcl", "100", 0),
        Cell("clip", "learned", 0), Cell("gcl", "learned", 0),
    ]  # fmt: skip
    assert [cell.seed for cell in found] == [0] * 4 + [1] * 4
    assert {*OBJECTIVES} <= {*PRESETS}
    assert len({cell.folder(Path()) for cell in cells(OBJECTIVES, SCALES, 5)}) == 9 * 3 * 5


@pytest.mark.parametrize("scale", ["0", "-1", "nan", "inf", "x", "", "1e2", "16.0", "../16", "๑๖"])
def test_a_scale_is_a_number_in_one_spelling(scale: str) -> None:
    with pytest.raises(ConfigError, match="must be a number above 0, or learned"):
        cells(["gcl"], [scale], 1)


def test_an_unknown_objective_is_refused_with_those_there_are() -> None:
    with pytest.raises(ConfigError, match="no objective 'glc'; there are gcl, "):
        cells(["glc"], ["16"], 1)


def test_nothing_else_differs() -> None:
    base = Config()
    fixed, learned = (cell_config(base, Cell("clip", scale, 3)) for scale in ("200", "learned"))
    assert (fixed.optim.scale, fixed.optim.learn_scale, fixed.optim.max_scale) == (200, False, 200)
    assert (learned.optim.scale, learned.optim.learn_scale) == (1 / 0.07, True)
    assert learned.optim.max_scale == base.optim.max_scale
    for one in (fixed, learned):
        assert (one.objective.preset, one.train.seed) == ("clip", 3)
        assert (one.model, one.data, one.eval) == (base.model, base.data, base.eval)
        assert one.optim.lr == base.optim.lr
        assert one.train.steps == base.train.steps
