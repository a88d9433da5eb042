"""Texts, ids and instructions of M-BEIR."""

from pathlib import Path

import pytest

from gcl_spec.errors import DataError
from gcl_spec.tasks.mbeir_text import (
    DATASETS,
    TASK_IDS,
    Instructions,
    formatted,
    names_of_sets,
    with_instruction,
)
from goldens import copied, replace_once, root_of
from goldens import read as golden

STRINGS = golden("mbeir/strings.json")
LOADER = golden("mbeir/loader.json")


@pytest.mark.parametrize("case", STRINGS["strings"], ids=lambda case: repr(case["raw"]))
def test_texts_are_those_of_the_peer(case: dict[str, str]) -> None:
    assert formatted(case["raw"]) == case["formatted"]
    prompts = filter(None, STRINGS["raw_prompts"])
    assert [with_instruction(p, case["raw"]) for p in prompts] == list(case["with_prompt"])


def test_numbers_of_searches_are_those_of_the_peer() -> None:
    ours = {f"{a} -> {b}": number for (a, b), number in TASK_IDS.items()}
    wanted = {name: number for name, number in LOADER["task_ids"].items() if number is not None}
    assert ours == wanted


def test_the_sixteen_sets() -> None:
    sets = names_of_sets()
    assert len(sets) == 16
    assert sets["oven_task8"] == (5, 8)
    assert len(DATASETS) == 10
    assert {number for _, number in sets.values()} == {*range(9)} - {5}


def test_empty_prompts_are_passed_over_and_the_next_one_can_be_chosen() -> None:
    prompts = Instructions(root_of("mbeir"), "M-BEIR/")
    found = [prompts.prompt("text", "image", 1, "q:1", n) for n in range(4)]
    assert found == [
        "find the matching picture",
        '"Show me this garment."',
        "Which picture fits?",
        "find the matching picture",
    ]
    with pytest.raises(DataError, match=r"q:1: no instruction for text -> text of data set 1"):
        prompts.prompt("text", "text", 1, "q:1")


def test_a_line_of_instructions_without_a_prompt_is_named(tmp_path: Path) -> None:
    root = copied("mbeir", tmp_path)
    file = root / "M-BEIR" / "instructions" / "query_instructions.tsv"
    replace_once(file, "\tFind the photo of this caption.", "")
    with pytest.raises(DataError, match=r"query_instructions\.tsv:3: wanted two modalities"):
        Instructions(root_of(str(root)), "M-BEIR/")
