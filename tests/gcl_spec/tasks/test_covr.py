"""WebVid-CoVR's rows, texts and frames."""

from pathlib import Path

import pytest

from gcl_spec.data.formats.covr_rows import read_rows
from gcl_spec.data.prepare.frame_places import middle_frame, spread_frames
from gcl_spec.data.root import open_root
from gcl_spec.errors import DataError
from gcl_spec.tasks.covr import read
from gcl_spec.tasks.item import Item
from goldens import read as golden
from goldens import root_of

NAME = "webvid8m-covr_test.csv"
HEAD = "pth1,pth2,edit,scores\n"


def write(folder: Path, text: str, name: str = NAME) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return folder


def test_frames_are_those_of_the_peer() -> None:
    for length, found in golden("covr/frames.json")["lengths"].items():
        (name,) = (key for key in found if key.startswith("frames_of_a_target_"))
        count = int(name.rpartition("_")[2])
        assert spread_frames(int(length), count) == found[name]
        assert [middle_frame(int(length))] == found["middle_frame_of_a_query"]
    assert len(spread_frames(7)) == 7
    assert len(spread_frames(447)) == 15


def test_a_row_is_a_query_and_its_target_a_candidate() -> None:
    (task,) = read(root_of("covr"), ["webvid8m-covr_test_sorted.csv"], videos="8M/")
    rows = list(read_rows(root_of("covr"), "webvid8m-covr_test_sorted.csv"))
    assert len(task.queries) == len(task.candidates) == len(rows) == 24
    assert task.queries[5] == Item("5", text="replace with snow", video="8M/221/12862251.mp4")
    assert task.candidates[0] == Item("105/455513856", video="8M/105/455513856.mp4")
    assert task.qrels["0"] == {"105/455513856"}
    assert task.metrics == ("hit@1", "hit@5", "hit@10", "hit@50")
    assert len(rows[0].scores) in range(1, 16)


def test_the_own_video_is_left_out_in_a_file_of_any_order() -> None:
    for kind in ("sorted", "shuffled"):
        name = f"webvid8m-covr_test_{kind}.csv"
        (task,) = read(root_of("covr"), [name])
        rows = list(read_rows(root_of("covr"), name))
        targets = {row.target for row in rows}
        for number, row in enumerate(rows):
            own = {row.query} & targets
            assert task.left_out.get(str(number), frozenset()) == own
    assert "1 queries look for their own video" in task.notes[0]


def test_the_published_file_is_found_in_its_folders(tmp_path: Path) -> None:
    write(tmp_path, f'{HEAD}1/a,2/b,x,"[0.5]"\n', f"annotation/webvid-covr/{NAME}")
    (task,) = read(open_root(tmp_path))
    assert task.name == "webvid-covr test"
    with pytest.raises(DataError, match=r"no webvid2m-covr_val\.csv"):
        read(open_root(tmp_path), ["val"])


def test_a_byte_order_mark_quotes_and_empty_lines_are_read(tmp_path: Path) -> None:
    text = f'\ufeff{HEAD}1/a,2/b,"say ""hi"", twice","[]"\r\n\r\n'
    (row,) = read_rows(open_root(write(tmp_path, text)), NAME)
    assert row.edit == 'say "hi", twice'
    assert row.scores == ()
    (task,) = read(open_root(tmp_path))
    assert task.queries[0].text == "say hi , twice"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", r"csv:1: wanted one column 'pth1'"),
        ("pth1,pth2,edit\n", r"csv:1: wanted one column 'scores'; there are 'pth1', 'pth2'"),
        (HEAD, "holds no row"),
        (f"{HEAD}1,2,x\n", r"csv:2: 3 cells; the first line names 4 columns"),
        (f'{HEAD}1,,x,"[]"\n', r"csv:2: pth1 or pth2 is empty"),
        (f"{HEAD}1,2,x,0.5\n", r"csv:2: scores must be a list of numbers, such as"),
        (f'{HEAD}1,2,x,"[""a""]"\n', r"csv:2: scores must be a list of numbers"),
        (f'{HEAD}1,2,x,"[]"\n3,2,y,"[]"\n', r"csv:3: video '2' is the right one of .*csv:2 too"),
        (f'{HEAD}1,2,"x\n', r"csv:\d: unexpected end of data"),
    ],
)
def test_malformed_files_are_named(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        read(open_root(write(tmp_path, text)))
