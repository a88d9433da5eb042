"""The data on which settings are chosen: training pictures alone, in searches of all nine kinds."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from gcl_spec.data.root import FolderRoot, open_root
from gcl_spec.tasks.folder import read_tasks
from gcl_spec.tasks.task import Task, union_pool
from repository import REPOSITORY

KINDS = ("image", "text", "image+text")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("choosing") / "set"
    script = REPOSITORY / "benchmarks" / "choosing_set.py"
    subprocess.run([sys.executable, script, out], check=True, capture_output=True, timeout=120)
    return out


def pictures(tasks: tuple[Task, ...]) -> set[str]:
    items = [item for task in tasks for item in (*task.queries, *task.candidates)]
    return {item.image for item in items if item.image}


def test_its_searches_are_of_all_kinds_in_a_pool_like_that_of_the_tests(made: Path) -> None:
    tasks = read_tasks(FolderRoot(made), "val_tasks")
    assert {task.kind for task in tasks} == {
        f"{a}->{b}"
        for a in ("image", "text", "image+text")
        for b in ("image", "text", "image+text")
    }
    tests = read_tasks(open_root("starter"), "tasks")
    assert len(union_pool(tasks)) > 0.8 * len(union_pool(tests))
    assert not pictures(tasks) & pictures(tests)


def test_no_concept_is_on_both_sides_in_any_skin_tone_or_gender(made: Path) -> None:
    kept = [json.loads(line) for line in (made / "train.jsonl").read_text().splitlines()]
    tasks = read_tasks(FolderRoot(made), "val_tasks")
    asked = pictures(tasks)
    assert not asked & {sample["image"] for sample in kept}
    labels = {sample["captions"][0] for sample in kept}
    assert ("woman running" in labels) == ("man running" in labels)
    assert all((made / sample["image"]).is_file() for sample in kept)
    assert all((made / image).is_file() for image in asked)
    tones = {label.partition(":")[0] for label in labels if "skin tone" in label}
    held = {
        item.text for task in read_tasks(FolderRoot(made), "val_tasks") for item in task.queries
    }
    assert tones
    assert not tones & held
