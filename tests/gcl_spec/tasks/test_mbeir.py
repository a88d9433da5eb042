"""M-BEIR's folders, pools and union pool."""

import json
import shutil
import tracemalloc
from pathlib import Path

import pytest

from gcl_spec.data.root import open_root
from gcl_spec.errors import DataError
from gcl_spec.tasks.item_table import ItemTable
from gcl_spec.tasks.mbeir import SETS, read
from gcl_spec.tasks.mbeir_hashed import candidate_number
from gcl_spec.tasks.task import union_pool
from goldens import copied, replace_once, root_of
from goldens import read as golden

LOCAL, UNION = Path("cand_pool") / "local", "mbeir_union_test_cand_pool.jsonl"
CIRR = "mbeir_cirr_task7_cand_pool.jsonl"
OVEN = "mbeir_oven_task6_cand_pool.jsonl"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return copied("mbeir", tmp_path) / "M-BEIR"


def test_candidates_are_those_of_the_peer() -> None:
    loader = golden("mbeir/loader.json")["candidates"]
    for task in read(root_of("mbeir")):
        wanted = loader.get(task.name) or loader[f"{task.name}_test"]
        found = [
            {
                "did": item.id,
                "txt": item.text or "",
                "hashed_did": candidate_number(item.id),
                "text_mask": int(item.text is not None),
                "image_mask": int(item.image is not None),
            }
            for item in task.candidates
        ]
        assert found == wanted


def test_sets_come_in_the_order_of_the_tables_and_from_either_folder() -> None:
    tasks = read(root_of("mbeir"))
    assert [task.name for task in tasks] == [n for n in SETS if n in {t.name for t in tasks}]
    assert len(tasks) == 6
    (inner,) = read(root_of("mbeir/M-BEIR"), ["cirr_task7"])
    (outer,) = read(root_of("mbeir"), ["cirr_task7"])
    assert inner.qrels == outer.qrels
    path = "mbeir_images/cirr_images/1.jpg"
    assert (inner.queries[0].image, outer.queries[0].image) == (path, f"M-BEIR/{path}")
    assert (inner.candidates[0].image, outer.candidates[0].image) == (path, f"M-BEIR/{path}")


def test_the_union_of_the_local_pools_is_the_published_union() -> None:
    tasks = read(root_of("mbeir"))
    whole = read(root_of("mbeir"), whole_union=True)
    assert len(union_pool(tasks)) == 172
    assert {*union_pool(whole)} == {*union_pool(tasks)}
    assert [task.candidates for task in whole] == [task.candidates for task in tasks]
    (one,) = read(root_of("mbeir"), ["cirr_task7"], whole_union=True)
    assert len(one.candidates) == 7
    assert len(union_pool([one])) == 172


def test_sets_of_training_have_no_task_in_their_names() -> None:
    (task,) = read(root_of("mbeir"), ["fashion200k"], split="train")
    assert [item.id for item in task.queries] == ["1:10", "1:20", "1:30", "1:40"]
    assert task.qrels["1:20"] == {"1:63"}
    assert len(task.candidates) == 66
    assert task.notes == ()


def test_a_file_of_the_queries_of_all_sets_is_not_read_and_a_note_says_so(folder: Path) -> None:
    (folder / "query" / "union_train").mkdir()
    (task,) = read(open_root(folder), ["fashion200k"], split="train")
    assert "query/union_train is not read: its queries are those of the sets'" in task.notes[0]
    assert len(task.queries) == 4
    assert "union" not in "".join(read(open_root(folder), ["cirr_task7"])[0].notes)


def test_a_folder_without_pools_says_so(folder: Path) -> None:
    (folder / LOCAL / OVEN).unlink()
    with pytest.raises(DataError, match=r"no pool of candidates for oven_task6.*fetch the folder"):
        read(open_root(folder))
    assert len(read(open_root(folder), ["cirr_task7"])) == 1
    with pytest.raises(DataError, match="no M-BEIR here"):
        read(open_root(folder / "cand_pool"))
    with pytest.raises(DataError, match=r"mbeir_webqa_task1_cand_pool\.jsonl"):
        read(open_root(folder), ["webqa_task1"])


def test_a_pool_id_twice(folder: Path) -> None:
    file = folder / LOCAL / CIRR
    first = file.read_text().splitlines()[0]
    file.write_text(f"{file.read_text()}\n{first}\n")
    (task,) = read(open_root(folder), ["cirr_task7"])
    assert len(task.candidates) == 7
    file.write_text(f"{file.read_text()}{first.replace('1.jpg', '0.jpg')}\n")
    with pytest.raises(DataError, match=rf"{CIRR}:10: id '8:1' stands at .*{CIRR}:1 too, with an"):
        read(open_root(folder), ["cirr_task7"])


def test_an_id_of_two_pools_with_different_contents(folder: Path) -> None:
    replace_once(folder / LOCAL / OVEN, '"did": "5:1"', '"did": "8:1"')
    with pytest.raises(DataError, match=rf"{CIRR}:1: id '8:1' stands at .*{OVEN}:1 too"):
        read(open_root(folder))


def test_a_local_pool_of_another_version_than_the_union(folder: Path) -> None:
    replace_once(folder / LOCAL / CIRR, "1.jpg", "0.jpg")
    with pytest.raises(
        DataError, match=rf"{CIRR}:1: candidate '8:1' has another content at .*:104"
    ):
        read(open_root(folder), ["cirr_task7"], whole_union=True)
    replace_once(folder / LOCAL / CIRR, '"8:1"', '"8:999"')
    with pytest.raises(DataError, match=r"candidate '8:999' is not in the union pool"):
        read(open_root(folder), ["cirr_task7"], whole_union=True)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('"image"', '"text,image"', "'modality' is 'text,image', but M-BEIR spells it"),
        ('"image"', '"IMAGE"', "spells it 'image', 'text', 'image,text'"),
        ('"8:1"', '"one"', "'one' is no id of M-BEIR"),
        ('"8:1"', "81", "'did' must be a text or null, not 81"),
        ('"txt": null', '"txt": ["a"]', "'txt' must be a text"),
        ('"mbeir_images/cirr_images/1.jpg"', '""', "candidate '8:1' has neither txt nor img_path"),
    ],
)
def test_malformed_candidates_are_named(folder: Path, old: str, new: str, message: str) -> None:
    replace_once(folder / LOCAL / CIRR, old, new)
    with pytest.raises(DataError) as caught:
        read(open_root(folder), ["cirr_task7"])
    assert f"{CIRR}:1: " in str(caught.value)
    assert message in str(caught.value)


def test_an_empty_pool_is_named(folder: Path) -> None:
    (folder / LOCAL / CIRR).write_text("\n")
    with pytest.raises(DataError, match=rf"{CIRR} is empty"):
        read(open_root(folder), ["cirr_task7"])


def test_candidates_take_little_memory(folder: Path) -> None:
    file = folder / LOCAL / CIRR
    path = "mbeir_images/cirr_images/1.jpg"
    given = {"txt": None, "img_path": path, "modality": "image", "src_content": "x" * 200}
    rows = [{"did": f"8:{n}", **given} for n in range(1, 5001)]
    file.write_text("\n".join(map(json.dumps, rows)))
    tracemalloc.start()
    (task,) = read(open_root(folder), ["cirr_task7"])
    held, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert isinstance(task.candidates, ItemTable)
    assert len(task.candidates) == 5000
    # A row's own text has 36 bytes, and the file 300 a line.
    assert held < 5000 * 150
    assert peak < 5000 * 400


def test_a_pool_of_the_split_goes_before_that_of_all(folder: Path) -> None:
    for kind in ("query", "qrels"):
        shutil.copytree(folder / kind / "test", folder / kind / "val")
        for file in (folder / kind / "val").iterdir():
            file.rename(file.with_name(file.name.replace("_test", "_val")))
    whole = folder / LOCAL / "mbeir_mscoco_task0_test_cand_pool.jsonl"
    shutil.copy(whole, folder / LOCAL / "mbeir_mscoco_task0_val_cand_pool.jsonl")
    read(open_root(folder), ["mscoco_task0", "cirr_task7"], split="val")
    with pytest.raises(DataError, match="no pool of candidates for mscoco_task3"):
        read(open_root(folder), split="val")


def test_candidates_never_get_an_instruction() -> None:
    plain, asked = (read(root_of("mbeir"), instructions=flag) for flag in (False, True))
    assert [task.candidates for task in plain] == [task.candidates for task in asked]
