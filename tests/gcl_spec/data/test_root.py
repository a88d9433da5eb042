"""Paths stay inside the data, and whatever is malformed is a DataError with its place."""

import zipfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gcl_spec.data.equal_rows import class_ids
from gcl_spec.data.formats.folder import read_samples
from gcl_spec.data.root import FolderRoot, ZipRoot, open_root
from gcl_spec.errors import DataError
from gcl_spec.tasks.folder import read_tasks

QUERY, CANDIDATE, PAIR = '{"id": "q", "text": "a"}', '{"id": "c", "image": "c.png"}', "q\tc"


def write_task(
    folder: Path, queries: str = QUERY, candidates: str = CANDIDATE, qrels: str = PAIR
) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "queries.jsonl").write_text(queries)
    (folder / "candidates.jsonl").write_text(candidates)
    (folder / "qrels.tsv").write_text(qrels)


def zipped(folder: Path) -> Path:
    path = folder.with_suffix(".zip")
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(folder.rglob("*")):
            archive.write(file, file.relative_to(folder))
    return path


def test_folder_and_archive_give_the_same(tmp_path: Path) -> None:
    for name in ("one", "two"):
        write_task(tmp_path / "data" / "tasks" / name)
    found = [
        read_tasks(open_root(p), "tasks") for p in (tmp_path / "data", zipped(tmp_path / "data"))
    ]
    assert found[0] == found[1]
    assert [task.name for task in found[0]] == ["one", "two"]
    assert found[0][0].kind == "text->image"


def test_a_single_task_folder(tmp_path: Path) -> None:
    write_task(tmp_path / "mine")
    (task,) = read_tasks(open_root(tmp_path / "mine"))
    assert task.name == "mine"
    assert task.qrels == {"q": frozenset({"c"})}


@pytest.mark.parametrize("path", ["../x", "/etc/hosts", "a/../../x", "a\\..\\x", "link/x"])
def test_paths_may_not_leave(tmp_path: Path, path: str) -> None:
    (tmp_path / "x").write_text("secret")
    inside = tmp_path / "data"
    inside.mkdir()
    (inside / "link").symlink_to(tmp_path)
    with pytest.raises(DataError, match="leads out") as caught:
        FolderRoot(inside).read_bytes(path)
    assert str(caught.value).count("leads out") == 1
    if path != "link/x":
        with pytest.raises(DataError, match="leads out"):
            ZipRoot(zipped(inside)).read_bytes(path)


def test_missing_and_corrupt(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no folder or zip archive"):
        open_root(tmp_path / "none")
    (tmp_path / "a.tar.gz").write_bytes(b"x")
    with pytest.raises(DataError, match=r"compressed.*gunzip"):
        open_root(tmp_path / "a.tar.gz")
    broken = tmp_path / "broken.zip"
    broken.write_bytes(b"PK\x03\x04 no")
    with pytest.raises(DataError, match="cannot read the archive"):
        open_root(broken)
    with pytest.raises(DataError, match="cannot read 'x'"):
        open_root(tmp_path).read_bytes("x")
    with pytest.raises(DataError, match=r"no queries\.jsonl"):
        read_tasks(open_root(tmp_path))


@pytest.mark.parametrize(
    ("part", "text", "message"),
    [
        ("queries", "", "is empty"),
        ("queries", "{", "queries.jsonl:1: not JSON"),
        ("queries", "[]", "must be an object"),
        ("queries", '{"text": "a"}', "'id' must be"),
        ("queries", '{"id": "q"}', "neither image nor text"),
        ("queries", '{"id": "q", "text": 3}', "'text' must be"),
        ("queries", f"{QUERY}\n{QUERY}", "queries.jsonl:2: id 'q' stands on an earlier line"),
        ("qrels", "q c", "wanted a query id, a tab"),
        ("qrels", "q\tx", "id 'x' is not in candidates.jsonl"),
        ("qrels", "x\tc", "id 'x' is not in queries.jsonl"),
        ("qrels", "", "no relevant candidate for 1 queries, such as 'q'"),
    ],
)
def test_malformed_tasks_are_named(tmp_path: Path, part: str, text: str, message: str) -> None:
    write_task(tmp_path / "t", **{part: text})
    with pytest.raises(DataError) as caught:
        read_tasks(open_root(tmp_path / "t"))
    assert message in str(caught.value)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(part=st.sampled_from(["queries", "candidates", "qrels"]), data=st.binary(max_size=60))
def test_any_bytes_are_a_task_or_a_data_error(tmp_path: Path, part: str, data: bytes) -> None:
    write_task(tmp_path / "t")
    names = {"queries": "queries.jsonl", "candidates": "candidates.jsonl", "qrels": "qrels.tsv"}
    (tmp_path / "t" / names[part]).write_bytes(data)
    try:
        found = str(read_tasks(open_root(tmp_path / "t")))
    except DataError as error:
        found = str(error)
    assert names[part] in found or "Task(name='t'" in found


def test_samples(tmp_path: Path) -> None:
    (tmp_path / "train.jsonl").write_text(
        '{"id": "1", "image": "1.png", "captions": ["a dog", "a pup"]}\n\n'
        '{"id": "2", "captions": ["a cat"], "concept": "felis"}\n'
        '{"id": "3", "image": "3.png", "captions": []}\n'
    )
    samples = read_samples(open_root(tmp_path), "train.jsonl")
    assert [s.concept for s in samples] == ["a dog", "felis", "3"]
    for line, message in {
        '{"id": "1", "captions": 3}': "captions must be texts",
        '{"id": "1", "captions": ["a", {}]}': "captions must be texts",
        '{"id": "1", "captions": []}': "neither image nor captions",
        '{"captions": ["a"]}': "'id' must be",
        '{"id": "1", "captions": ["a"], "image": 3}': "'image' must be",
        '{"id": "1", "captions": ["a"], "concept": 3}': "'concept' must be",
        '{"id": "1", "captions": ["a"]}\n{"id": "1", "captions": ["a"]}': "jsonl:2: id '1'",
        "": "holds no sample",
    }.items():
        (tmp_path / "train.jsonl").write_text(line)
        with pytest.raises(DataError) as caught:
            read_samples(open_root(tmp_path), "train.jsonl")
        assert message in str(caught.value)


@pytest.mark.parametrize(
    "none", ["", ', "captions": null', ', "captions": ""', ', "captions": [" "]']
)
def test_what_means_no_caption_and_no_picture(tmp_path: Path, none: str) -> None:
    (tmp_path / "train.jsonl").write_text(
        f'{{"id": "1", "image": "1.png"{none}}}\n'
        '{"id": "2", "image": "", "captions": "a dog "}\n'
        '{"id": "3", "image": null, "captions": [" a cat", null, ""]}\n'
    )
    samples = read_samples(open_root(tmp_path), "train.jsonl")
    assert [(s.image, s.captions) for s in samples] == [
        ("1.png", ()),
        (None, ("a dog",)),
        (None, ("a cat",)),
    ]


@given(st.lists(st.tuples(st.sampled_from("abcd"), st.sampled_from(["x", "y", "z", None]))))
def test_class_ids_join_what_shares_concept_or_caption(pairs: list[tuple[str, str | None]]) -> None:
    ids = class_ids([c for c, _ in pairs], [t for _, t in pairs])
    for i, (concept, caption) in enumerate(pairs):
        for j, (other, text) in enumerate(pairs):
            if concept == other or (caption is not None and caption == text):
                assert ids[i] == ids[j]
    # Nothing else is joined: with all texts different the concepts alone decide.
    alone = class_ids([c for c, _ in pairs], [str(n) for n in range(len(pairs))])
    assert len(set(alone.tolist())) == len({c for c, _ in pairs})


def test_odd_paths_and_texts(tmp_path: Path) -> None:
    write_task(tmp_path / "t", queries='\ufeff{"id": "q", "text": "a"}')
    (task,) = read_tasks(open_root(tmp_path / "t"))
    assert task.queries[0].id == "q", "a byte-order mark is no part of the text"
    write_task(tmp_path / "t", queries='{"id": "q", "text": "\\ud800"}')
    with pytest.raises(DataError, match=r"queries\.jsonl:1"):
        read_tasks(open_root(tmp_path / "t"))
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    for path in ("loop/x", "x" * 5000, "\ud800.png"):
        with pytest.raises(DataError):
            FolderRoot(tmp_path).read_bytes(path)
    (tmp_path / "t" / "a.txt").write_text("a")
    for root in (FolderRoot(tmp_path / "t"), ZipRoot(zipped(tmp_path / "t"))):
        assert root.read_bytes("./a.txt") == b"a"


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150)
@given(place=st.floats(0, 1), byte=st.integers(0, 255), cut=st.booleans())
def test_a_damaged_archive_is_a_data_error(
    tmp_path: Path, place: float, byte: int, cut: bool
) -> None:
    if not (tmp_path / "t").exists():
        write_task(tmp_path / "t", queries=QUERY + "\n" * 500)
    data = bytearray(zipped(tmp_path / "t").read_bytes())
    at = min(int(place * len(data)), len(data) - 1)
    data = data[:at] if cut else data[:at] + bytes([byte]) + data[at + 1 :]
    (tmp_path / "t.zip").write_bytes(bytes(data))
    try:
        found = str(read_tasks(open_root(tmp_path / "t.zip")))
    except DataError as error:
        found = str(error)
    assert "t.zip" in found or "Task(name='t'" in found
