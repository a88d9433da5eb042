"""Pictures and videos that are not there."""

from pathlib import Path

import pytest

from gcl_spec.data.root import open_root
from gcl_spec.errors import DataError
from gcl_spec.tasks.item import Item
from gcl_spec.tasks.mbeir import read
from gcl_spec.tasks.missing_files import check_files, missing_files
from gcl_spec.tasks.task import Task
from goldens import copied, root_of


def test_how_many_which_and_which_share(tmp_path: Path) -> None:
    root = open_root(copied("mbeir", tmp_path) / "M-BEIR")
    tasks = read(root)
    check_files(root.exists, tasks)
    gone = "mbeir_images/cirr_images/0.jpg"
    (tmp_path / "mbeir" / "M-BEIR" / gone).unlink()
    missing = missing_files(root.exists, tasks)
    assert missing.paths == (gone,)
    assert missing.total == 10
    assert missing.share == pytest.approx(0.1)
    wanted = rf"test\.jsonl:2: no file '{gone}'; 1 of 10 pictures or videos \(10\.0%\) are missing"
    with pytest.raises(DataError, match=wanted):
        check_files(root.exists, tasks)


def test_videos_count_and_pictures_that_are_no_files_do_not() -> None:
    embedded = "data:image/png;base64,AAAA"
    items = (Item("a", embedded), Item("b", video="v.mp4"), Item("c", "p.png"))
    task = Task("t", items[:1], items, {"a": frozenset({"b"})})
    missing = missing_files(lambda path: path == "p.png", [task, task])
    assert missing == (("v.mp4",), ("task t, item 'b'",), 2)
    text = Task("t", (Item("q", text="x"),), (Item("c", text="y"),), {"q": frozenset({"c"})})
    assert missing_files(root_of("mbeir").exists, [text]).share == 0
