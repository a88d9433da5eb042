"""The starter set is whole, split by concept, and its tasks are fair."""

import io
import json
import shutil
from pathlib import Path

import pytest
from PIL import Image

from gcl_spec.benchmarks.folder import read_tasks
from gcl_spec.benchmarks.task import union_pool
from gcl_spec.data import starter
from gcl_spec.data.pairs import read_samples
from gcl_spec.data.root import open_root
from gcl_spec.data.starter import starter_path
from gcl_spec.errors import DataError

ROOT = open_root("starter")
TASKS = read_tasks(ROOT, "tasks")
FOLDER = Path(starter.__file__).parent


def test_size_and_manifest() -> None:
    manifest = json.loads((FOLDER / "manifest.json").read_text())
    assert manifest["bytes"] == starter_path().stat().st_size < 8_000_000
    assert {source["licence"] for source in manifest["sources"]} == {
        "MIT", "Apache-2.0", "CC-BY-4.0", "MIT; Unicode-3.0", "public domain",
    }  # fmt: skip


@pytest.mark.parametrize("harm", ["altered", "cut", "missing", "no manifest"])
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
    else:
        (tmp_path / "manifest.json").unlink()
    with pytest.raises(DataError, match="reinstall gcl-spec"):
        starter_path(tmp_path)


def test_test_concepts_are_never_trained_on() -> None:
    trained = {
        sample.concept.lower()
        for split in ("train.jsonl", "val.jsonl")
        for sample in read_samples(ROOT, split)
    }
    tested = {
        item.text.lower()
        for task in TASKS
        for item in task.candidates
        if item.modality == "text" and item.text is not None
    }
    assert len(tested) > 400
    assert not tested & trained
    pictures = {s.image for s in read_samples(ROOT, "train.jsonl")}
    assert not pictures & {i.image for t in TASKS for i in (*t.queries, *t.candidates) if i.image}


def test_all_nine_kinds_are_there() -> None:
    kinds = {task.kind for task in TASKS}
    names = ("image", "text", "image+text")
    assert kinds == {f"{a}->{b}" for a in names for b in names}


def test_no_query_picture_is_a_candidate() -> None:
    asked = {item.image for task in TASKS for item in task.queries if item.image}
    assert not asked & {item.image for item in union_pool(TASKS)}


def test_pictures_open() -> None:
    paths = {s.image for s in read_samples(ROOT, "val.jsonl")}
    paths |= {item.image for task in TASKS[:2] for item in task.candidates}
    for path in paths - {None}:
        with Image.open(io.BytesIO(ROOT.read_bytes(path))) as picture:
            assert (picture.format, picture.size, picture.mode) == ("WEBP", (96, 96), "RGB")


def test_notice_names_every_source() -> None:
    notice = ROOT.read_bytes("NOTICE.txt").decode()
    for source in json.loads((FOLDER / "manifest.json").read_text())["sources"]:
        assert source["package"] in notice
