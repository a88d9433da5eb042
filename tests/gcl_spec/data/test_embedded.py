"""Pictures as base64 and data: URIs wherever a picture is wanted, and messages that stay short."""

import base64
import io
import json
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from gcl_spec.data.embedded import embedded, is_embedded, unwrapped
from gcl_spec.data.prepare.pictures import load_image
from gcl_spec.errors import DataError
from kinds import source


def picture(kind: str = "PNG", side: int = 40) -> bytes:
    buffer = io.BytesIO()
    noise = np.random.default_rng(side).integers(0, 256, (side, side, 3), np.uint8)
    Image.fromarray(noise).save(buffer, kind)
    return buffer.getvalue()


KINDS = ("PNG", "JPEG", "GIF", "WEBP", "BMP", "TIFF")


@pytest.mark.parametrize("kind", KINDS)
def test_every_form_of_base64_is_decoded(kind: str) -> None:
    data = picture(kind)
    text = base64.b64encode(data).decode()
    lines = base64.encodebytes(data).decode()
    for form in (text, lines, text.rstrip("="), base64.urlsafe_b64encode(data).decode(),
                 f"data:image/png;base64,{text}", f"DATA:;base64,{lines}",
                 f"data:image/png;base64,{quote(text)}",
                 f"data:image/png,{quote(data)}"):  # fmt: skip
        assert embedded(form) == data
        assert is_embedded(form)
    assert unwrapped(text.encode()) == data
    assert unwrapped(data) == data
    assert load_image(text, size=8, where="x").shape == (8, 8, 3)
    assert load_image(text.encode(), size=8, where="x").shape == (8, 8, 3)


@pytest.mark.parametrize(
    "path",
    ["images/1.jpg", "Qk", "iVBORw0KGgo", "/9j/" + "a/" * 40 + "1.png",
     "R0lGOD" + "a" * 80 + ".gif", "dataset/1.png", "a" * 300, ""],
)  # fmt: skip
def test_paths_are_paths(path: str) -> None:
    assert embedded(path) is None
    assert not is_embedded(path) or "." in path


def test_rows_of_every_kind_of_data(tmp_path: Path) -> None:
    data = picture()
    text = base64.b64encode(data).decode()
    uri = f"data:image/png;base64,{text}"
    lines = [{"id": str(n), "image": x, "captions": ["c"]} for n, x in enumerate((text, uri))]
    (tmp_path / "a.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    turns = [{"from": "gpt", "value": "c"}]
    llava = [{"id": "0", "image": uri, "conversations": turns},
             {"id": "1", "image": text, "conversations": turns}]  # fmt: skip
    (tmp_path / "b.json").write_text(json.dumps(llava))
    (tmp_path / "c.csv").write_text(
        f"image,caption\n{text},c\n{'data:image/png;base64'};{text},c\n"
    )
    (tmp_path / "c.csv").write_text(f'image,caption\n{text},c\n"{uri}",c\n')
    columns: dict[str, Any] = {
        "text": [text, uri],
        "bytes": [text.encode(), uri.encode()],
        "struct": [{"bytes": text.encode()}, {"bytes": uri.encode()}],
        "struct of text": [{"bytes": text, "path": None}, {"bytes": None, "path": uri}],
    }
    for name, cells in columns.items():
        pq.write_table(
            pa.table({"image": cells, "caption": ["c"] * 2}), tmp_path / f"{name}.parquet"
        )
    for name in ("a.jsonl", "b.json", "c.csv", *(f"{name}.parquet" for name in columns)):
        found = source(tmp_path, name)
        assert any("base64" in note for note in found.notes), name
        for n in range(2):
            sample = found.sample(n)
            assert sample.image is not None
            assert found.read_bytes(sample.image) == data


@pytest.mark.parametrize(
    "reference",
    ["data:image/png;base64,###" + "A" * 10**6, "data:" + "x" * 10**6, "x" * 10**6,
     "Qk" + "A=" * 10**6, "a/b" * 10**6],
)  # fmt: skip
def test_what_is_no_picture_is_one_short_line(reference: str, tmp_path: Path) -> None:
    line = json.dumps({"id": "0", "image": reference, "captions": ["c"]})
    (tmp_path / "a.jsonl").write_text(line + "\n")
    found = source(tmp_path, "a.jsonl")
    image = found.sample(0).image
    assert image is not None
    with pytest.raises(DataError) as caught:
        found.read_bytes(image)
    assert len(str(caught.value)) < 600
    assert "characters)" in str(caught.value)
