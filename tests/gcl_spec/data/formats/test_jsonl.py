"""Lines of JSON as other tools write them."""

import base64
from pathlib import Path
from typing import Any

import pytest

from gcl_spec.errors import DataError
from kinds import source
from three import LINES, PATHS, PNGS, folder_of_three, pictures, write_lines


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return folder_of_three(tmp_path / "data")


@pytest.mark.parametrize("image", [[0], [0, 1], {"path": 0}, {"bytes": None, "path": 0}])
def test_pictures_of_lines_as_hugging_face_has_them(image: Any, folder: Path) -> None:
    def at(n: int) -> Any:
        if isinstance(image, list):
            return [PATHS[n] for _ in image]
        return {key: PATHS[n] if value == 0 else value for key, value in image.items()}

    write_lines(folder / "train.jsonl", *({**line, "image": at(n)} for n, line in enumerate(LINES)))
    found = source(folder)
    if image == [0, 1]:
        with pytest.raises(DataError, match=r"jsonl:1: 2 images; a sample has one"):
            found.sample(0)
    else:
        assert pictures(found) == PNGS


def test_bytes_of_lines_are_base64(folder: Path) -> None:
    text = base64.b64encode(PNGS[1]).decode()
    line = {**LINES[0], "image": {"bytes": text, "path": "x.png"}}
    assert pictures(source(write_lines(folder / "train.jsonl", line).parent)) == [PNGS[1]]


def test_ids_that_are_integers(folder: Path) -> None:
    lines = [{**line, "id": n} for n, line in enumerate(LINES)]
    found = source(write_lines(folder / "train.jsonl", *lines, {**LINES[0], "id": "1"}).parent)
    assert [found.sample(n).id for n in range(3)] == ["0", "1", "2"]
    with pytest.raises(DataError, match="id '1' stands on an earlier line too"):
        found.sample(3)
    for wrong in (True, 1.5, None, 10**5000, ""):
        record = {**LINES[0], "id": wrong}
        if wrong != 10**5000:
            write_lines(folder / "train.jsonl", record)
            with pytest.raises(DataError, match=r"jsonl:1: 'id' must be .* data\.columns\.id"):
                source(folder).sample(0)
