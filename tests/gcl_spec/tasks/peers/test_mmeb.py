"""VLM2Vec's choices, to the last one."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from gcl_spec.tasks.item import Item
from gcl_spec.tasks.mmeb import read
from gcl_spec.tasks.peers.mmeb import peer_choices
from gcl_spec.tasks.task import Task
from goldens import arrays, root_of
from goldens import read as golden

TASKS = {task.name: task for task in read(root_of("mmeb"), as_published=True)}
GIVEN = ("embeddings.npz", "embedding_keys.json")
CLIP = ("clip_features.npz", "clip_keys.json")


def rows(name: str, side: str, items: Sequence[Item], files: tuple[str, str]) -> Any:
    """The recorded row of each pair of text and path."""
    keys = golden(f"mmeb/{files[1]}")[f"{name}/{side}"]
    numbers = {tuple(pair): n for n, pair in enumerate(keys)}
    paths = [(item.image or "").removeprefix("eval_images/") for item in items]
    wanted = [numbers[item.text or "", path] for item, path in zip(items, paths, strict=True)]
    return arrays(f"mmeb/{files[0]}")[f"{name}/{side}"][wanted]


def both(task: Task, files: tuple[str, str]) -> tuple[Any, Any]:
    return (
        rows(task.name, "qry", task.queries, files),
        rows(task.name, "tgt", task.candidates, files),
    )


@pytest.mark.parametrize("name", golden("mmeb/eval.json"))
@pytest.mark.parametrize("kind", ["normalize", "raw"])
def test_every_choice(name: str, kind: str) -> None:
    wanted = golden("mmeb/eval.json")[name][kind]
    found = peer_choices(TASKS[name], *both(TASKS[name], GIVEN), normalize=kind == "normalize")
    assert found.chosen_Q.tolist() == wanted["pred"]
    assert (found.correct, len(found.chosen_Q)) == (wanted["num_correct"], wanted["num_pred"])
    assert found.accuracy == wanted["acc"]


@pytest.mark.parametrize("name", golden("mmeb/eval_clip.json")["results"])
def test_every_choice_of_the_clip_baseline(name: str) -> None:
    wanted = golden("mmeb/eval_clip.json")["results"][name]["batch_1"]
    found = peer_choices(TASKS[name], *both(TASKS[name], CLIP), normalize=True)
    assert found.chosen_Q.tolist() == wanted["pred"]
    assert 100 * found.accuracy == pytest.approx(wanted["accuracy_percent"])


def test_rows_without_a_direction_are_named_though_the_peer_counts_them() -> None:
    task = TASKS["VisDial"]
    cosine = peer_choices(task, *both(task, GIVEN), normalize=True)
    assert cosine.chosen_Q[5] == 0  # a query of norm 0 is right
    assert cosine.chosen_Q[4] != 0  # a candidate of norm 0 is chosen
    assert {4, 5} <= {*cosine.undefined}
    assert peer_choices(task, *both(task, GIVEN), normalize=False).undefined == ()


def test_the_first_of_equal_scores_is_chosen() -> None:
    items = (Item("a", text="a"), Item("b", text="b"))
    right = {"0": frozenset({"a"}), "1": frozenset({"b"})}
    task = Task(
        "t",
        (Item("0", text="x"), Item("1", text="y")),
        items,
        right,
        choices={"0": ("a", "b", "a"), "1": ("b", "a")},
    )
    found = peer_choices(task, np.ones((2, 1)), np.ones((2, 1)), normalize=False)
    assert found.chosen_Q.tolist() == [0, 0]
    assert found.accuracy == 1.0
