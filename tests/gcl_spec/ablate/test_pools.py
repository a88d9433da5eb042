"""Further pools of a run: the starter set's with one picture a concept, and what is stored."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from gcl_spec.ablate.pools import FILE, SPARSE, WORST, sparse, stored
from gcl_spec.errors import DataError
from gcl_spec.run.folder import RunFolder
from gcl_spec.tasks.task import Item, Task
from reports import write_run


def test_a_sparse_pool_has_one_picture_a_concept() -> None:
    candidates = (Item("a", image="noto/1.png"), Item("b", image="twemoji/1.png"))
    queries = (Item("q", text="one"), Item("r", text="two"))
    task = Task("t2i", queries, candidates, {"q": {"a", "b"}, "r": {"b"}})
    tones = replace(task, name="t2i-tone")
    (found,) = sparse([task, tones])
    assert [item.id for item in found.candidates] == ["a"]
    assert [item.id for item in found.queries] == ["q"]
    assert found.qrels == {"q": {"a"}}


def test_stored_figures_are_read_without_their_names(tmp_path: Path) -> None:
    run = RunFolder(write_run(tmp_path / "run", [1.0]))
    assert stored(run.path) == {}
    found = {"none": {SPARSE: 0.5, WORST: 0.25, "composition": "0:100:0"}, "mean": {}}
    run.write(FILE, json.dumps(found))
    assert stored(run.path) == {"none": {SPARSE: 0.5, WORST: 0.25}, "mean": {}}
    run.write(FILE, json.dumps({"none": {SPARSE: "high"}}))
    with pytest.raises(DataError, match="cannot read the figures"):
        stored(run.path)
