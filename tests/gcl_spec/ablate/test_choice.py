"""Choices by validation: the best of what was tried, written down, and never made again."""

import json
from pathlib import Path

import pytest

from gcl_spec.ablate.cells import search_cells
from gcl_spec.ablate.choice import (
    FILE,
    Tried,
    check_same_search,
    choice_rows,
    choose,
    read_choices,
    write_choices,
)
from gcl_spec.errors import CheckpointError, ConfigError

TRIED = (
    Tried("7", "0.1", 0.5, 0.6),
    Tried("16", "0.1", 0.5, 0.8),
    Tried("50", "0.1", 0.7, 0.6),
    Tried("100", "0.1", None, None, "loss is nan"),
)


def test_the_highest_mean_of_both_pools_the_first_of_equal_ones() -> None:
    choice = choose("gcl", "none", TRIED)
    assert (choice.scale, choice.lr, choice.name) == ("16", "0.1", "16, lr 0.1")
    assert choice.cell(3).seed == 3
    assert not choice.cell(3).searched
    assert choose("gcl", "none", TRIED[3:]).scale == ""
    assert choice_rows([choice])[1] == [
        "gcl", "none", "50.0 / 60.0", "50.0 / 80.0 *", "70.0 / 60.0", "failed",
    ]  # fmt: skip


def test_what_was_chosen_is_read_again_and_not_edited(tmp_path: Path) -> None:
    assert read_choices(tmp_path) == {}
    choice = choose("gcl", "none", TRIED)
    write_choices(tmp_path, {("gcl", "none"): choice})
    assert read_choices(tmp_path) == {("gcl", "none"): choice}
    path = tmp_path / FILE
    data = json.loads(path.read_text())
    data["choices"][0]["scale"] = "7"
    path.write_text(json.dumps(data))
    with pytest.raises(CheckpointError, match=r"choice\.json: .*gcl is not what its figures say"):
        read_choices(tmp_path)


def test_another_search_than_that_of_the_choice_is_refused(tmp_path: Path) -> None:
    choice = choose("gcl", "none", TRIED)
    check_same_search(tmp_path, choice, search_cells(["gcl"], ["100", "50", "16", "7"], ["0.1"]))
    with pytest.raises(ConfigError, match="other scales or learning rates"):
        check_same_search(tmp_path, choice, search_cells(["gcl"], ["16"], ["0.1"]))
