"""Rows of the family from runs that are there, half there, or not there."""

from pathlib import Path

import pytest

from gcl_spec.ablate.ablation import Ablation
from gcl_spec.ablate.cells import cell_config
from gcl_spec.ablate.choice import Tried, choose, write_choices
from gcl_spec.ablate.family import Family
from gcl_spec.ablate.family_rows import family_rows, searched
from gcl_spec.config.options import Config
from gcl_spec.train.adapter_widths import resolved
from reports import write_run

SETTINGS = {"clip": ("objective.preset=clip",), "half": ("objective.positives=0.5",)}


def test_a_row_has_the_seeds_of_what_was_chosen_alone(tmp_path: Path) -> None:
    ablation = Ablation(tmp_path, Config(), (), (), 3, (), None, None, SETTINGS, further=True)
    family = Family(ablation, ["7", "16"], ["0.01"])
    choice = choose("half", "none", [Tried("7", "0.01", 0.1, 0.1), Tried("16", "0.01", 0.2, 0.2)])
    write_choices(tmp_path, {("half", "none"): choice})
    for seed, values in ((0, [1.0, 0.0]), (1, [1.0, 1.0])):
        cell = choice.cell(seed)
        config = resolved(cell_config(Config(), cell, SETTINGS))
        write_run(cell.folder(tmp_path), values, config)
    clip, half = family_rows(family)
    assert (clip.objective, clip.seeds, clip.chosen) == ("clip", 0, "")
    assert (half.seeds, half.chosen) == (2, "16, lr 0.01")
    assert half.value("global hit@10") == pytest.approx((0.75, 0.125**0.5))
    assert searched(family) == (0, 4)
