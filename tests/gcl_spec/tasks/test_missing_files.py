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


class Files:
    """Files that are there, of which some are listed; it counts what is asked."""

    def __init__(self, *paths: str, listed: str = "") -> None:
        self.paths, self.names, self.asked = paths, listed, list[str]()

    def exists(self, path: str) -> bool:
        self.asked.append(path)
        return path in self.paths

    def listing(self, path: str) -> list[str] | None:
        return None if path == "none/" else list(self.names)


def test_how_many_which_and_which_share(tmp_path: Path) -> None:
    root = open_root(copied("mbeir", tmp_path) / "M-BEIR")
    tasks = read(root)
    check_files(root, tasks)
    gone = "mbeir_images/cirr_images/0.jpg"
    (tmp_path / "mbeir" / "M-BEIR" / gone).unlink()
    missing = missing_files(root, tasks)
    assert missing.paths == (gone,)
    assert missing.total == 10
    assert missing.share == pytest.approx(0.1)
    wanted = rf"test\.jsonl:2: no file '{gone}'; 1 of 10 pictures or videos \(10\.0%\) are missing"
    with pytest.raises(DataError, match=wanted):
        check_files(root, tasks)


def test_videos_count_and_pictures_that_are_no_files_do_not() -> None:
    embedded = "data:image/png;base64,AAAA"
    items = (Item("a", embedded), Item("b", video="v.mp4"), Item("c", "p.png"))
    task = Task("t", items[:1], items, {"a": frozenset({"b"})})
    missing = missing_files(Files("p.png"), [task, task])
    assert missing == (("v.mp4",), ("task t, item 'b'",), 1, 2)
    text = Task("t", (Item("q", text="x"),), (Item("c", text="y"),), {"q": frozenset({"c"})})
    assert missing_files(root_of("mbeir"), [text]).share == 0


def task_of(*paths: str, union: tuple[Item, ...] | None = None) -> Task:
    items = tuple(Item(path, path) for path in paths)
    return Task("t", items[:1], items, {paths[0]: frozenset(paths[:1])}, union=union)


def test_folders_are_listed_and_only_what_is_not_listed_is_asked_for() -> None:
    files = Files("x/d", "x/a", listed="ab")
    missing = missing_files(files, [task_of("x/a", "x/b", "x/d", "x/e", "none/a", "none/b")])
    assert files.asked == ["x/d", "x/e"]  # a folder that is not there is asked for nothing
    assert missing.paths == ("x/e", "none/a", "none/b")
    assert (missing.lost, missing.total, missing.share) == (3, 6, 0.5)


def test_the_pool_of_a_global_search_is_looked_through_once() -> None:
    union = (Item("a", "x/a"), Item("z", "x/z"))
    missing = missing_files(Files(), [task_of("x/a", union=union), task_of("x/b", union=union)])
    assert missing.paths == ("x/a", "x/z", "x/b")


def test_the_first_hundred_are_named_and_all_are_counted() -> None:
    task = task_of(*(f"{n}" for n in range(150)))
    missing = missing_files(Files(), [task])
    assert (len(missing.paths), missing.lost) == (100, 150)
    with pytest.raises(DataError, match=r"no file '0'; 150 of 150 .* '3' and 96 more; unpack"):
        check_files(Files(), [task])


def test_names_that_are_no_text_do_not_disturb() -> None:
    files = Files(listed="\udcffa")
    assert missing_files(files, [task_of("x/a")]).lost == 0
