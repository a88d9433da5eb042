"""M-BEIR's queries and judgements."""

from pathlib import Path

import pytest

from gcl_spec.data.root import open_root
from gcl_spec.errors import DataError
from gcl_spec.tasks.item import Item
from gcl_spec.tasks.mbeir import SETS, read
from gcl_spec.tasks.mbeir_hashed import query_number
from goldens import copied, replace_once, root_of
from goldens import read as golden

QRELS = Path("qrels") / "test" / "mbeir_cirr_task7_test_qrels.txt"
QUERIES = Path("query") / "test" / "mbeir_cirr_task7_test.jsonl"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return copied("mbeir", tmp_path) / "M-BEIR"


@pytest.mark.parametrize("instructions", [False, True])
def test_queries_are_those_of_the_peer(instructions: bool) -> None:
    loader = golden("mbeir/loader.json")["queries"]
    for task in read(root_of("mbeir"), instructions=instructions):
        rows = [
            row["with_first_prompt" if instructions else "without"] for row in loader[task.name]
        ]
        wanted = [
            (row["hashed_qid"], row["txt"], bool(row["text_mask"]), bool(row["image_mask"]))
            for row in rows
        ]
        assert wanted == [
            (query_number(q.id), q.text or "", q.text is not None, q.image is not None)
            for q in task.queries
        ]


def test_an_image_query_becomes_image_and_text_by_its_instruction() -> None:
    (plain,) = read(root_of("mbeir"), ["mscoco_task3"])
    (asked,) = read(root_of("mbeir"), ["mscoco_task3"], instructions=True, prompt=1)
    assert plain.kind == "image->text"
    assert asked.kind == "image+text->text"
    assert {query.text for query in asked.queries} == {"Instruction two for mscoco 3."}


def test_null_blank_and_empty_texts_are_the_same() -> None:
    (task,) = read(root_of("mbeir"), ["mscoco_task3"])
    assert [item.text for item in task.queries][:3] == [None, None, None]  # "", blanks, null


def test_a_stray_text_of_an_image_candidate_is_kept() -> None:
    (task,) = read(root_of("mbeir/M-BEIR"), ["fashion200k_task0"])
    assert task.candidates[2] == Item(
        "1:3", "mbeir_images/fashion200k_images/0.jpg", "Stray text on an image candidate."
    )


def test_only_grades_above_0_count_and_their_size_does_not() -> None:
    (task,) = read(root_of("mbeir"), ["mscoco_task0"])
    assert task.qrels["9:2"] == {"9:24"}  # of grade 2, beside one of grade 0
    assert task.grades == {}
    (oven,) = read(root_of("mbeir"), ["oven_task6"])
    assert "5:3" not in oven.qrels["5:2"]  # a line with tabs and blanks at its end


def test_positives_of_other_pools_are_told(folder: Path) -> None:
    oven = next(task for task in read(open_root(folder)) if task.name == "oven_task6")
    assert "6 of 26 relevant candidates are in other pools" in oven.notes[0]
    (alone,) = read(open_root(folder), ["oven_task6"])
    assert "in no pool that was read" in alone.notes[1]
    assert alone.elsewhere == oven.elsewhere


def test_an_id_that_no_pool_has(folder: Path) -> None:
    replace_once(folder / QRELS, "8:6 1", "8:77 1")
    with pytest.raises(
        DataError, match=r"task7_test_qrels\.txt:1: relevant candidate '8:77' is in"
    ):
        read(open_root(folder), ["cirr_task7"], whole_union=True)
    (task,) = read(open_root(folder), ["cirr_task7"], whole_union=True, strict=False)
    assert task.qrels["8:1"] == frozenset()
    assert task.elsewhere["8:1"] == {"8:77"}
    assert len(SETS) == 16  # of which not all are here, so that another pool may have it
    (task,) = read(open_root(folder), ["cirr_task7"])
    assert "'8:77' and 0 more are in no pool that was read" in task.notes[-1]


@pytest.mark.parametrize(
    ("file", "old", "new", "message"),
    [
        (QRELS, "8:1 0 8:6 1 7", "8:1 0 8:6 1", r"qrels\.txt:1: wanted 5 columns"),
        (QRELS, "8:6 1 7", "8:6 x 7", "the grade 'x' is no number"),
        (QRELS, "8:1 0", "8:99 0", r"qrels\.txt:1: no query '8:99' in cirr_task7"),
        (QRELS, "8:1 0 8:6 1 7", "", "no relevant candidate for 1 queries, such as '8:1'"),
        (QUERIES, '"8:1"', '"8-1"', r"test\.jsonl:1: '8-1' is no id of M-BEIR"),
        (QUERIES, '"image,text"', '"text,image"', "'query_modality' is 'text,image', but"),
        (
            QUERIES,
            '"qid": "8:2"',
            '"qid": "8:1"',
            r"jsonl:2: id '8:1' stands at .*:1 too, with another content",
        ),
    ],
)
def test_malformed_lines_are_named(
    folder: Path, file: Path, old: str, new: str, message: str
) -> None:
    replace_once(folder / file, old, new)
    with pytest.raises(DataError, match=message):
        read(open_root(folder), ["cirr_task7"])


def test_a_query_without_content_is_named(folder: Path) -> None:
    replace_once(folder / QUERIES, '"query_txt": "child street"', '"query_txt": "  "')
    read(open_root(folder), ["cirr_task7"])
    replace_once(folder / QUERIES, '"mbeir_images/cirr_images/1.jpg"', "null")
    with pytest.raises(DataError, match=r"jsonl:1: query '8:1' has neither query_txt nor"):
        read(open_root(folder), ["cirr_task7"])


def test_an_instruction_needs_a_positive_of_the_own_data_set_and_pool(folder: Path) -> None:
    replace_once(folder / QUERIES, '"pos_cand_list": ["8:6"]', '"pos_cand_list": ["5:13", "8:99"]')
    read(open_root(folder), ["cirr_task7"])
    with pytest.raises(DataError, match=r"jsonl:1: none of pos_cand_list is of data set 8"):
        read(open_root(folder), ["cirr_task7"], instructions=True)


def test_sources_of_contents_may_be_absent_and_a_query_may_stand_twice(folder: Path) -> None:
    file = folder / QUERIES
    file.write_text(f"{file.read_text()}\n{file.read_text().splitlines()[0]}\n")
    (task,) = read(open_root(folder), ["cirr_task7"])
    assert len(task.queries) == 6
    assert "1 queries stand twice" in task.notes[-1]
