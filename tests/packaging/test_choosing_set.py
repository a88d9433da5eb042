"""The data on which settings are chosen: training pictures alone, in searches of all nine kinds."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from gcl_spec.data.root import FolderRoot, open_root
from gcl_spec.tasks.folder import read_tasks
from gcl_spec.tasks.task import Task, union_pool
from repository import REPOSITORY

KINDS = ("image", "text", "image+text")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("choosing") / "set"
    make(out)
    return out


def make(out: Path, *, check: bool = True) -> "subprocess.CompletedProcess[str]":
    words = [sys.executable, str(REPOSITORY / "benchmarks" / "choosing_set.py"), str(out)]
    return subprocess.run(words, check=check, capture_output=True, text=True, timeout=120)


def trained(made: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (made / "train.jsonl").read_text().splitlines()]


def thing(name: str) -> str:
    return re.sub(r"\b(wo)?m[ae]n\b|\bperson\b", "", name.partition(":")[0]).strip()


def pictures(tasks: tuple[Task, ...]) -> set[str]:
    items = [item for task in tasks for item in (*task.queries, *task.candidates)]
    return {item.image for item in items if item.image}


def test_its_searches_are_of_all_kinds_in_a_pool_like_that_of_the_tests(made: Path) -> None:
    tasks = read_tasks(FolderRoot(made), "val_tasks")
    assert {task.kind for task in tasks} == {f"{a}->{b}" for a in KINDS for b in KINDS}
    tests = read_tasks(open_root("starter"), "tasks")
    assert len(union_pool(tasks)) > 0.8 * len(union_pool(tests))
    assert not pictures(tasks) & pictures(tests)


def test_no_picture_that_is_searched_is_trained_on(made: Path) -> None:
    kept, searched = trained(made), pictures(read_tasks(FolderRoot(made), "val_tasks"))
    assert not searched & {sample["image"] for sample in kept}
    assert all((made / sample["image"]).is_file() for sample in kept)
    assert all((made / image).is_file() for image in searched)


def test_no_concept_is_on_both_sides_in_any_skin_tone_or_gender(made: Path) -> None:
    """Names that differ by a skin tone, or by who it is, are of one thing."""
    kept = {sample["captions"][0] for sample in trained(made)}
    tasks = read_tasks(FolderRoot(made), "val_tasks")
    held = {item.text for task in tasks if task.name == "i2t_label" for item in task.candidates}
    things = [{thing(name) for name in side} for side in (kept, held)]
    assert not set.intersection(*things)
    for side, names in zip(things, (kept, held), strict=True):
        assert len(side) < len(names), "there are such names"


def test_a_folder_that_is_there_is_left_alone(made: Path) -> None:
    before = (made / "train.jsonl").stat().st_mtime_ns
    found = make(made, check=False)
    assert found.returncode == 2
    assert "is there already" in found.stderr
    assert (made / "train.jsonl").stat().st_mtime_ns == before
