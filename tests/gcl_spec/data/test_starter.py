"""The starter set is whole, split by concept, and its tasks are fair."""

import io
import json
import re
import shutil
from pathlib import Path

import pytest
from PIL import Image

from gcl_spec.data import starter
from gcl_spec.data.root import open_root
from gcl_spec.data.starter import starter_path
from gcl_spec.errors import DataError
from gcl_spec.tasks.folder import read_tasks
from gcl_spec.tasks.task import Task, union_pool
from repository import REPOSITORY
from samples import samples_of

ROOT = open_root("starter")
TASKS = read_tasks(ROOT, "tasks")
FOLDER = Path(starter.__file__).parent
SAMPLES = [s for split in ("train.jsonl", "val.jsonl") for s in samples_of(ROOT, split)]


def _words(text: str) -> str:
    return " ".join(sorted(re.findall(r"\w+", text.lower())))


def test_size_and_manifest() -> None:
    manifest = json.loads((FOLDER / "manifest.json").read_text())
    assert manifest["bytes"] == starter_path().stat().st_size < 8_000_000
    assert {source["licence"] for source in manifest["sources"]} == {
        "MIT", "Apache-2.0", "CC-BY-4.0", "public domain",
    }  # fmt: skip


@pytest.mark.parametrize("harm", ["altered", "cut", "missing", "no manifest", "no object"])
def test_harm_is_noticed(tmp_path: Path, harm: str) -> None:
    for name in ("starter.zip", "manifest.json"):
        shutil.copy(FOLDER / name, tmp_path / name)
    archive = tmp_path / "starter.zip"
    assert starter_path(tmp_path) == archive
    starter_path.cache_clear()
    data = archive.read_bytes()
    if harm == "altered":
        archive.write_bytes(data[:5000] + bytes([data[5000] ^ 1]) + data[5001:])
    elif harm == "cut":
        archive.write_bytes(data[:-1])
    elif harm == "missing":
        archive.unlink()
    elif harm == "no object":
        (tmp_path / "manifest.json").write_text("[]")
    else:
        (tmp_path / "manifest.json").unlink()
    with pytest.raises(DataError, match="reinstall gcl-spec"):
        starter_path(tmp_path)


def test_test_concepts_are_never_trained_on() -> None:
    trained = {_words(sample.concept) for sample in SAMPLES}
    tested = {
        _words(item.text)
        for task in TASKS
        for item in task.candidates
        if item.modality == "text" and item.text is not None
    }
    assert len(tested) > 400
    assert not tested & trained
    pictures = {s.image for s in SAMPLES}
    assert not pictures & {i.image for t in TASKS for i in (*t.queries, *t.candidates) if i.image}


def test_all_nine_kinds_are_there() -> None:
    kinds = {task.kind for task in TASKS}
    names = ("image", "text", "image+text")
    assert kinds == {f"{a}->{b}" for a in names for b in names}


def test_no_query_picture_is_a_candidate() -> None:
    asked = {item.image for task in TASKS for item in task.queries if item.image}
    assert not asked & {item.image for item in union_pool(TASKS)}


def test_pictures_open() -> None:
    paths = {s.image for s in SAMPLES if s.image}
    paths |= {i.image for task in TASKS for i in (*task.queries, *task.candidates) if i.image}
    manifest = json.loads((FOLDER / "manifest.json").read_text())
    assert len(paths) == manifest["counts"]["pictures"]
    for path in paths:
        with Image.open(io.BytesIO(ROOT.read_bytes(path))) as picture:
            assert (picture.format, picture.size, picture.mode) == ("WEBP", (96, 96), "RGB")


def test_equal_pictures_have_one_concept() -> None:
    concepts: dict[bytes, set[str]] = {}
    for sample in SAMPLES:
        concepts.setdefault(ROOT.read_bytes(sample.image or ""), set()).add(sample.concept)
    assert [found for found in concepts.values() if len(found) > 1] == []


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.name)
def test_equal_candidates_are_equally_relevant(task: Task) -> None:
    seen: dict[tuple[bytes, str | None], str] = {}
    for item in task.candidates:
        content = (ROOT.read_bytes(item.image) if item.image else b"", item.text)
        twin = seen.setdefault(content, item.id)
        for found in task.qrels.values():
            assert (twin in found) == (item.id in found)


def test_an_answer_of_one_task_is_none_of_anothers_errors() -> None:
    """The same text that looks for pictures has the same right pictures in every task."""
    answers: dict[str, frozenset[str]] = {}
    for task in (task for task in TASKS if task.kind == "text->image"):
        for query, found in task.qrels.items():
            assert answers.setdefault(query, found) == found


def test_captions_hold_no_addresses_and_no_dumps() -> None:
    texts = [caption for sample in SAMPLES for caption in sample.captions]
    texts += [i.text for task in TASKS for i in (*task.queries, *task.candidates) if i.text]
    noise = re.compile(r"@|https?:|www\.|^hash$|^hash,|, hash\b|hash\(", re.IGNORECASE)
    assert [text for text in texts if noise.search(text)] == []


def test_tags_do_not_tell_the_label() -> None:
    for task in (task for task in TASKS if task.name.startswith(("t2t", "it2t", "t2it"))):
        label = {item.id: item.text or "" for item in task.candidates}
        for query in task.queries:
            tags = {tag.strip().lower() for tag in (query.text or "").split(",")}
            assert not tags & {label[found].lower() for found in task.qrels[query.id]}


def test_notice_names_every_source() -> None:
    notice = ROOT.read_bytes("NOTICE.txt").decode()
    for source in json.loads((FOLDER / "manifest.json").read_text())["sources"]:
        assert source["package"] in notice


def test_notice_claims_no_copyright_that_no_package_declares() -> None:
    """Word for word what the packages' own files say; a licence's text has its own line."""
    notice = ROOT.read_bytes("NOTICE.txt").decode()
    sources, *texts = notice.split("-" * 100 + "\n")
    assert re.findall(r"Copyright (?:\(c\)|©|\d)[^\".\n]*", sources) == [
        "Copyright 2026 the gcl-spec authors",
        "Copyright © 2023 LobeHub",
        "Copyright (c) 2017-2019 Miles Johnson",
        "Copyright (c) 2020, ML Illustrated",
    ]
    assert [text.splitlines()[0].split(" (")[0] for text in texts] == [
        "MIT License",
        "Unicode License V3",
    ]


def test_notice_in_the_archive_is_the_notice_of_what_it_holds() -> None:
    """The packages that are installed beside it change more often than the pictures."""
    texts = (ROOT.read_bytes("NOTICE.txt"), (REPOSITORY / "NOTICE").read_bytes())
    (shipped, licences), (pictures, same) = (
        (text.partition(b"Not shipped;")[0], text.partition(b"-" * 100)[2]) for text in texts
    )
    assert shipped == pictures
    assert licences == same
    assert b"MIT License" in same
