"""A folder is trained on by its training files alone, of one kind; what is not used is named."""

import json
import shutil
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from closed_folders import closed_to
from gcl_spec.errors import DataError
from kinds import png, source, write_tar


def write(path: Path, text: str = "x") -> Path:
    """One sample with this caption, as the kind of file that the path's end names."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".tar":
        write_tar(path, [(text, png(1), text)])
    elif path.suffix == ".parquet":
        pq.write_table(
            pa.table({"image": pa.array([png(1)], pa.binary()), "caption": [text]}), path
        )
    elif path.suffix == ".json":
        turns = [{"from": "gpt", "value": text}]
        path.write_text(json.dumps([{"image": "1.png", "conversations": turns}]))
    elif path.suffix == ".jsonl":
        path.write_text(json.dumps({"id": "1", "captions": [text]}))
    else:
        path.write_bytes(b"x")
    return path


def captions(folder: Path, name: str = "") -> set[str]:
    found = source(folder, name)
    return {caption for n in range(len(found)) for caption in found.sample(n).captions}


def test_a_folder_that_cannot_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that would be read is an error; another one says nothing of what it holds."""
    write(tmp_path / "train.jsonl")
    write(tmp_path / "other" / "a.parquet")
    closed_to(monkeypatch, "other")
    assert captions(tmp_path) == {"x"}
    write(tmp_path / "train" / "a.parquet")
    closed_to(monkeypatch, "train")
    with pytest.raises(DataError, match=r"train: cannot read the folder: Permission denied"):
        source(tmp_path)


TRAIN_AND_OTHERS = [
    ("cc-train-{}", "cc-validation-{}"), ("coco_train{}", "coco_val"), ("train2017_{}", "val2017"),
    ("train-{}", "test-0"), ("shardTrain{}", "shardVal"), ("{}", "dev"), ("{}", "hold-out_0"),
    ("{}", "mini.holdout.0"), ("part-{}", "heldout_0"), ("{}", "my_eval_set"), ("TRAIN_{}", "TEST"),
    ("train/{}", "val/0"), ("data/train-{}", "data/validation-0"), ("data/train/{}", "data/test/0"),
    ("default/train/{}", "default/validation/0"), ("training_{}", "extra"), ("{}", "validation/0"),
]  # fmt: skip


@pytest.mark.parametrize("kind", [".tar", ".parquet"])
@pytest.mark.parametrize(("training", "other"), TRAIN_AND_OTHERS)
def test_files_of_other_splits_are_not_trained_on(
    training: str, other: str, kind: str, tmp_path: Path
) -> None:
    # Neither the folder's own name nor those above say anything of its files.
    folder = tmp_path / "training_data" / "test"
    for n in range(2):
        write(folder / (training.format(n) + kind), f"train {n}")
    left_out = write(folder / (other + kind), "other")
    assert captions(folder) == {"train 0", "train 1"}
    found = source(folder)
    assert found.warnings == ()
    assert str(left_out.relative_to(folder)) in found.notes[0]
    left_out.unlink()
    assert captions(folder) == {"train 0", "train 1"}
    assert source(folder).notes == ()


@pytest.mark.parametrize("names", [["train.json", "val.json"], ["a.json", "a_stats.json"],
                                   ["x_train.json", "x.json"]])  # fmt: skip
def test_one_json_of_several(names: list[str], tmp_path: Path) -> None:
    for name in names:
        write(tmp_path / name, name)
    assert captions(tmp_path) == {names[0]}
    assert names[1] in source(tmp_path).notes[0]


@pytest.mark.parametrize("kind", [".tar", ".parquet", ".json"])
def test_other_splits_alone_are_named_by_who_wants_them(kind: str, tmp_path: Path) -> None:
    names = ["validation-0", "test-0"][: 1 if kind == ".json" else 2]
    for name in names:
        write(tmp_path / f"{name}{kind}", name)
    with pytest.raises(DataError, match="other splits than training alone") as caught:
        source(tmp_path)
    assert all(name in str(caught.value) for name in names)
    pattern = str(caught.value).partition("data.path='")[2].rstrip("'")
    assert captions(Path(pattern).parent, Path(pattern).name) == {*names}
    found = source(tmp_path, f"*{kind}")
    assert "another split than training" in found.notes[0]


def test_a_pattern_of_several_splits_is_warned_of(tmp_path: Path) -> None:
    for name in ("train/0", "val/0"):
        write(tmp_path / f"{name}.parquet", name)
    assert captions(tmp_path, "*/*.parquet") == {"train/0", "val/0"}
    (warning,) = source(tmp_path, "*/*.parquet").warnings
    assert "val/0.parquet" in warning
    assert "train/0.parquet" not in warning
    assert source(tmp_path, "train/*.parquet").warnings == ()
    assert source(tmp_path, "{train,val}/0.parquet").warnings


def test_a_folder_as_img2dataset_writes_it(tmp_path: Path) -> None:
    for n in range(2):
        write(tmp_path / f"{n:05}.tar", f"text {n}")
        table = pa.table({"url": ["https://x"], "caption": ["metadata"], "key": ["0"]})
        pq.write_table(table, tmp_path / f"{n:05}.parquet")
        (tmp_path / f"{n:05}_stats.json").write_text("{}")
    assert captions(tmp_path) == {"text 0", "text 1"}
    found = source(tmp_path)
    assert found.warnings == ()
    assert "'00000.parquet', '00001.parquet'" in found.notes[0]
    assert "'00000_stats.json', '00001_stats.json'" in found.notes[1]
    assert captions(tmp_path, "*.parquet") == {"metadata"}


@pytest.mark.parametrize(
    "names",
    [
        ["train.jsonl", "0.parquet"],
        ["0.parquet", "1.tar"],
        ["train.jsonl", "train-0.tar"],
        ["data/0.parquet", "0.tar"],
    ],
)
def test_several_kinds_are_asked_about(names: list[str], tmp_path: Path) -> None:
    for name in names:
        write(tmp_path / name, name)
    with pytest.raises(DataError, match="files of several kinds") as caught:
        source(tmp_path)
    for name in names:
        assert f"'{name}'" in str(caught.value)
        assert f"data.path='{tmp_path / name}'" in str(caught.value)
        assert captions(tmp_path, name) == {name}


def test_what_is_not_used_is_named(tmp_path: Path) -> None:
    used = ("train.jsonl", "tasks/t/queries.jsonl", "images/0.tar")
    unused = ("val.jsonl", "more.jsonl", "info.json", "x.tar.gz", "a.csv", "shards/0.tar")
    for name in (*used, *unused, ".hidden.jsonl"):
        write(tmp_path / name)
    assert captions(tmp_path) == {"x"}
    notes = " ".join(source(tmp_path).notes)
    for name in (*unused[:-1], "shards/*.tar", ".hidden.jsonl"):
        assert name in notes
    assert "tasks" not in notes
    assert "images" not in notes


@pytest.mark.parametrize("name", ["a.tar.gz", "sub/0.tar", "a.jsonl", "b.feather", "x.npz"])
def test_what_is_there_is_named_where_nothing_can_be_read(name: str, tmp_path: Path) -> None:
    write(tmp_path / name)
    with pytest.raises(DataError, match=r"no train\.jsonl, \*\.parquet") as caught:
        source(tmp_path)
    assert (name if name != "sub/0.tar" else "sub/*.tar") in str(caught.value)
    assert ("unpack" in str(caught.value)) == name.endswith(".gz")


@pytest.mark.parametrize("kind", [".parquet", ".tar"])
def test_a_file_of_no_bytes_stops_nothing(kind: str, tmp_path: Path) -> None:
    write(tmp_path / f"1{kind}", "text")
    (tmp_path / f"0{kind}").touch()
    for name in ("", f"*{kind}"):
        found = source(tmp_path, name)
        assert captions(tmp_path, name) == {"text"}
        (warning,) = found.warnings
        assert f"{tmp_path}/0{kind}" in warning
    with pytest.raises(DataError):
        source(tmp_path, f"0{kind}")


def test_an_archive_of_folders_says_where_its_samples_lie(tmp_path: Path) -> None:
    write(tmp_path / "data" / "mine" / "train.jsonl")
    shutil.make_archive(str(tmp_path / "a"), "zip", tmp_path / "data")
    assert captions(tmp_path, "a.zip") == {"x"}
    write(tmp_path / "data" / "yours" / "1.json")
    shutil.make_archive(str(tmp_path / "a"), "zip", tmp_path / "data")
    with pytest.raises(DataError, match=r"train\.jsonl lies in a folder of the archive, 'mine'"):
        source(tmp_path, "a.zip")


def test_archives_joined_by_cat_lose_nothing_without_a_word(tmp_path: Path) -> None:
    for n in range(2):
        lines = [{"id": f"{n} {k}", "captions": ["x"]} for k in range(3)]
        write(tmp_path / str(n) / "train.jsonl").write_text("\n".join(map(json.dumps, lines)))
        shutil.make_archive(str(tmp_path / f"{n}"), "zip", tmp_path / str(n))
        table = pa.table({"caption": [f"text {n} {k}" for k in range(300)]})
        for index in (True, False):
            name = tmp_path / f"{n}{index}.parquet"
            pq.write_table(table, name, write_page_index=index, row_group_size=100)
            assert len(source(tmp_path, name.name)) == 300
    for names in (["0.zip", "1.zip"], ["0True.parquet", "1True.parquet"],
                  ["0False.parquet", "1False.parquet"]):  # fmt: skip
        end = names[0].partition(".")[2]
        parts = [(tmp_path / name).read_bytes() for name in names]
        (tmp_path / f"both.{end}").write_bytes(b"".join(parts))
        with pytest.raises(DataError, match="stand"):
            source(tmp_path, f"both.{end}")
    text = "".join((tmp_path / str(n) / "train.jsonl").read_text() for n in range(2))
    (tmp_path / "both.jsonl").write_text(text)
    found = source(tmp_path, "both.jsonl")
    with pytest.raises(DataError, match=r"both\.jsonl:3: not JSON"):
        found.sample(2)
