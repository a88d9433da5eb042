"""Names that are not the documented ones are read and said, or refused: never passed over."""

import io
import json
import tarfile
from pathlib import Path
from typing import Any

import pytest

from gcl_spec.config.options import ColumnsConfig
from gcl_spec.data.root import open_root
from gcl_spec.errors import DataError
from gcl_spec.tasks.folder import read_tasks
from kinds import captions, member, source, table


def lines(folder: Path, *records: dict[str, Any], name: str = "train.jsonl") -> Path:
    folder.mkdir(exist_ok=True, parents=True)
    (folder / name).write_text("".join(json.dumps(record) + "\n" for record in records))
    return folder


@pytest.mark.parametrize(
    "key", ["caption", "Caption", "CAPTIONS", "captions ", " text", "TEXT", "texts", "txt"]
)
@pytest.mark.parametrize("others", [{}, {"captions": None}, {"captions": []}, {"caption": " "}])
def test_captions_of_another_name_are_read_and_said(
    key: str, others: dict[str, Any], tmp_path: Path
) -> None:
    record = {"id": "1", "image": "1.png", **others, key: "a dog"}
    found = source(lines(tmp_path / "data", record, {"id": "2", "captions": ["a cat"]}))
    assert captions(found) == [("a dog",), ("a cat",)]
    assert found.warnings == ()
    assert f"'{key}' is read as 'captions' in 1 lines" in found.notes[0]


@pytest.mark.parametrize("key", ["captoins", "title", "Alt-Text", "capton", "description"])
def test_what_may_be_a_caption_is_pointed_out(key: str, tmp_path: Path) -> None:
    records = [{"id": str(n), "image": f"{n}.png", key: f"text {n}"} for n in range(3)]
    found = source(lines(tmp_path / "data", *records))
    assert captions(found) == [(), (), ()]
    (warning,) = found.warnings
    assert f"train.jsonl: '{key}' of 3 lines is not a known name" in warning
    assert "did you mean 'captions'?" in warning


def test_what_is_not_used_is_listed_once(tmp_path: Path) -> None:
    records = [
        {"id": str(n), "image": f"{n}.png", "captions": ["a"], "title": "b", "width": n, "x\ny": 1}
        for n in range(3)
    ]
    found = source(lines(tmp_path / "data", *records))
    assert found.warnings == ()
    (note,) = found.notes
    assert "'title' (3), 'width' (3), 'x\\ny' (3)" in note


def test_of_two_names_the_first_is_read_and_the_other_is_said(tmp_path: Path) -> None:
    record = {"id": "1", "image": "1.png", "text": "of the page", "caption": "a dog"}
    found = source(lines(tmp_path / "data", record))
    assert captions(found) == [("a dog",)]
    assert "'caption' is read as 'captions'" in found.notes[0]
    assert "'text' (1)" in found.notes[1]


def test_pictures_and_concepts_of_another_name(tmp_path: Path) -> None:
    found = source(
        lines(
            tmp_path / "data",
            {"id": "1", "file_name": "1.png", "captions": ["a"], "concepts": "dog"},
            {"id": "2", "images": ["2.png"], "captions": ["a"], "Concept": "dog"},
            {"id": "3", "images": ["3.png", "4.png"], "captions": ["a"]},
            {"id": "4", "url": "https://x/4.png", "captions": ["a"]},
            {"image_id": "5", "captions": ["a"]},
        )
    )
    samples = [found.sample(n) for n in range(2)]
    assert [(s.image, s.concept) for s in samples] == [("1.png", "a"), ("2.png", "dog")]
    with pytest.raises(DataError, match="2 images; a sample has one"):
        found.sample(2)
    said = " ".join(found.warnings)
    for key, field in {"concepts": "concept", "url": "image", "image_id": "id"}.items():
        assert f"'{key}' of 1 lines is not a known name, and they have no '{field}'" in said


def test_a_chosen_key_is_read_or_missed(tmp_path: Path) -> None:
    lines(tmp_path / "data", {"id": "1", "title": "a dog", "text": "of the page"})
    found = source(tmp_path / "data", columns=ColumnsConfig(text="title"))
    assert captions(found) == [("a dog",)]
    with pytest.raises(DataError, match=r"no 'titel' in any of the lines.*'text', 'title'"):
        source(tmp_path / "data", columns=ColumnsConfig(text="titel"))


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ({"messages": [{"role": "user", "content": "<image>"},
                       {"role": "assistant", "content": "a dog"}]}, "messages"),
        ({"conversations": [{"from": "user", "value": "<image>"},
                            {"from": "assistant", "value": "a dog"}]}, "'assistant'"),
        ({"conversations": [{"from": "human", "value": "?"}, {"from": "GPT", "value": "a dog"}]},
         "GPT"),
        ({"messages": [{"role": "assistant", "content": [{"type": "text", "text": "a dog"}]}]},
         "role"),
        ({"caption": "a dog"}, "caption"),
        ({"conversations": [{"from": "gpt", "value": "a dog"}, {"from": "gpt", "value": "b"}]},
         "1 entries have several answers"),
    ],
)  # fmt: skip
def test_conversations_of_other_layouts(entry: dict[str, Any], said: str, tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(json.dumps([{"id": 1, "image": "1.png", **entry}]))
    found = source(tmp_path, "a.json")
    assert captions(found) == [("a dog",)]
    assert found.warnings == ()
    assert said == "GPT" or said in " ".join(found.notes)


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ({"conversations": [{"from": "bot", "value": "a dog"}]}, "turns by 'bot' (1)"),
        ({"dialogue": [{"from": "gpt", "value": "a dog"}]}, "'dialogue' (1)"),
        ({"conversation s": [{"from": "gpt", "value": "a dog"}]}, "did you mean 'conversations'"),
        ({"conversations": [{"from": "gpt", "valeu": "a dog"}]}, "did you mean 'value'"),
        ({"title": "a dog"}, "did you mean 'conversations'"),
        ({"conversations": [{"from": "human", "value": "?"}]}, "without an answer: 1"),
    ],
)
def test_entries_that_lose_their_answer_are_said(
    entry: dict[str, Any], said: str, tmp_path: Path
) -> None:
    (tmp_path / "a.json").write_text(json.dumps([{"id": 1, "image": "1.png", **entry}]))
    found = source(tmp_path, "a.json")
    assert captions(found) == [()]
    assert said in " ".join((*found.warnings, *found.notes))


@pytest.mark.parametrize("side", ["queries", "candidates"])
@pytest.mark.parametrize("key", ["caption", "Text", "captions", "txt", "textt", "img"])
def test_a_task_of_other_names_is_refused(side: str, key: str, tmp_path: Path) -> None:
    known = "text" if key == "img" else "image"
    for name in ("queries", "candidates"):
        record = {"id": "1", known: "x"} | ({key: "a dog"} if name == side else {})
        lines(tmp_path, record, name=f"{name}.jsonl")
    (tmp_path / "qrels.tsv").write_text("1\t1\n")
    with pytest.raises(DataError, match=rf"{side}\.jsonl: '{key}' of 1 lines is not a known name"):
        read_tasks(open_root(tmp_path))


def test_other_keys_of_a_task_are_noted(tmp_path: Path) -> None:
    for name in ("queries", "candidates"):
        lines(tmp_path, {"id": "1", "text": "x", "split": "val"}, name=f"{name}.jsonl")
    (tmp_path / "qrels.tsv").write_text("1\t1\n")
    (task,) = read_tasks(open_root(tmp_path))
    assert len(task.notes) == 2
    assert "candidates.jsonl: names that are not used" in task.notes[1]
    assert "'split' (1)" in task.notes[1]


@pytest.mark.parametrize("kind", ["train.jsonl", "a.parquet", "a.json", "a.tar", "a.csv"])
def test_rows_that_say_they_are_of_another_split(kind: str, tmp_path: Path) -> None:
    splits = ["train", "val", "Test_2017", "val", "restval"]
    records = [{"id": str(n), "caption": f"text {n}", "split": x} for n, x in enumerate(splits)]
    if kind == "a.parquet":
        table(tmp_path / kind, **{key: [x[key] for x in records] for key in records[0]})
    elif kind == "a.tar":
        with tarfile.open(tmp_path / kind, "w") as archive:
            for n, record in enumerate(records):
                info, data = member(f"{n}.json", json.dumps(record).encode())
                archive.addfile(info, io.BytesIO(data))
    elif kind == "a.csv":
        rows = [",".join(record) for record in (records[0], *(x.values() for x in records))]
        (tmp_path / kind).write_text("\n".join(rows))
    elif kind == "a.json":
        (tmp_path / kind).write_text(json.dumps(records))
    else:
        lines(tmp_path, *records)
    for _ in range(2):
        (warning,) = source(tmp_path, kind).warnings
        assert "3 " in warning
        assert "'val' (2), 'Test_2017' (1)" in warning


@pytest.mark.parametrize("kind", ["train.jsonl", "a.json", "a.tar"])
def test_a_name_that_stands_twice_in_one_object_is_an_error(kind: str, tmp_path: Path) -> None:
    text = '{"id": "1", "caption": "a", "caption": "b"}'
    if kind == "a.tar":
        with tarfile.open(tmp_path / kind, "w") as archive:
            info, data = member("1.json", text.encode())
            archive.addfile(info, io.BytesIO(data))
    else:
        (tmp_path / kind).write_text(f"[{text}]" if kind == "a.json" else text)
    with pytest.raises(DataError, match="the name 'caption' stands twice"):
        source(tmp_path, kind).sample(0)


def test_parts_of_tasks_are_not_passed_over(tmp_path: Path) -> None:
    for task in ("a", "b"):
        for name in ("queries", "candidates"):
            lines(tmp_path / task, {"id": "1", "text": "x"}, name=f"{name}.jsonl")
        (tmp_path / task / "qrels.tsv").write_text("1\t1\n")
    assert len(read_tasks(open_root(tmp_path))) == 2
    (tmp_path / "queries.jsonl").write_text('{"id": "1", "text": "x"}')
    (tmp_path / "candidates.jsonl").write_text('{"id": "1", "text": "x"}')
    (tmp_path / "qrels.tsv").write_text("1\t1\n")
    (task,) = read_tasks(open_root(tmp_path))
    assert "those below are not read: 'a', 'b'" in task.notes[0]
    (tmp_path / "queries.jsonl").unlink()
    (tmp_path / "b" / "queries.jsonl").rename(tmp_path / "b" / "query.jsonl")
    with pytest.raises(DataError, match=r"b/candidates\.jsonl is there, but no queries\.jsonl"):
        read_tasks(open_root(tmp_path))
