"""What a user names is opened as what lies there."""

from pathlib import Path

import pytest

from gcl_spec.errors import DataError
from gcl_spec.index.about import Origin
from gcl_spec.index.sources import items_of, origin_of, reader_of
from indexed import model_of, write_folder
from loop_config import fast
from tiles_on_disk import write_data


def test_training_data_and_tasks(tmp_path: Path) -> None:
    data = write_data(tmp_path / "data")
    config = fast(tmp_path / "else", tmp_path / "cache")
    origin = origin_of(str(data), None, config.data, prefix="mine/")
    assert origin == Origin("train", str(data), prefix="mine/")
    listing = items_of(origin, config).listing
    assert len(listing) == 24
    (entry,) = listing.entries(slice(3, 4))
    assert entry.id == "mine/3"
    assert dict(entry.content) == {"image": "3.png", "text": "a grey tile 3"}
    reader = reader_of(origin)
    assert reader is not None
    assert reader.read_bytes("3.png") == (data / "3.png").read_bytes()
    # Of tasks the candidates alone are found.
    tasks = items_of(origin_of(str(data), "tasks", config.data), config).listing
    assert [entry.id for entry in tasks.entries(slice(None))] == [f"c{n}" for n in range(8)]
    assert [entry.id for entry in tasks.entries(slice(2, 4))] == ["c2", "c3"]


def test_a_folder_of_pictures(tmp_path: Path) -> None:
    data, config = write_folder(tmp_path / "data"), model_of(tmp_path).config
    origin = origin_of(str(data), None, config.data)
    assert origin == Origin("pictures", str(data))
    assert len(items_of(origin, config).listing) == 4
    # One caption in a .json is no data set, but a table beside pictures may be one.
    (data / "red.json").write_text('{"caption": "a"}')
    assert origin_of(str(data), None, config.data).kind == "pictures"
    (data / "list.json").write_text("[]")
    (data / "red.json").unlink()
    assert origin_of(str(data), None, config.data).kind == "train"
    assert origin_of(str(data), "pictures", config.data).kind == "pictures"


def test_options_of_the_data_are_kept(tmp_path: Path) -> None:
    data = write_data(tmp_path / "data")
    (data / "named.jsonl").write_text('{"id": "1", "file": "3.png", "captions": "a"}\n')
    config = fast(data, tmp_path / "cache", f"data.images={data}", "data.columns.image=file")
    origin = origin_of(str(data / "named.jsonl"), None, config.data)
    plain = fast(tmp_path, tmp_path / "cache")
    (entry,) = items_of(origin, plain).listing.entries(slice(None))
    assert dict(entry.content) == {"image": "3.png", "text": "a"}


def test_what_is_not_there_is_said(tmp_path: Path) -> None:
    config = model_of(tmp_path).config
    with pytest.raises(DataError, match="nothing"):
        items_of(origin_of(str(tmp_path / "nothing"), None, config.data), config)
    with pytest.raises(DataError, match="is no folder of pictures"):
        origin_of(str(tmp_path / "nothing"), "pictures", config.data)
    with pytest.raises(DataError, match="was it moved"):
        items_of(Origin("pictures", str(tmp_path / "nothing")), config)
    assert reader_of(Origin("files")) is None
