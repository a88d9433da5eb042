"""Near-equal items are grouped by modality, also through others of the group."""

from pathlib import Path

import numpy as np
import pytest

from gcl_spec.errors import ConfigError
from gcl_spec.index import duplicates as module
from gcl_spec.index.duplicates import duplicates
from gcl_spec.index.table import Row, Table, create_table
from gcl_spec.progress import Quiet


def table(folder: Path, angles: dict[str, float]) -> Table:
    create_table(folder, {"vector": 2}, "float32")
    made = Table(folder, {"vector": 2}, "float32")
    rows = [Row(x, x.partition(" ")[0], None, f"{x}.png", 0, "0" * 32) for x in angles]
    radians = np.radians(list(angles.values()))
    vectors = np.stack([np.cos(radians), np.sin(radians)], axis=1)
    made.put(rows, {"vector": vectors}, replaces=False)
    return made


@pytest.mark.parametrize("block", [2, 512])
def test_groups(tmp_path: Path, block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_BLOCK", block)
    angles = {
        "image a": 0.0, "image far": 90, "image b": 4, "text a": 1, "image c": 8, "image d": 180,
        "text b": 1, "image e": 180, "text far": 50,
    }  # fmt: skip
    made = table(tmp_path, angles)
    groups = duplicates(made, 0.997, Quiet())
    assert [(group.modality, group.ids) for group in groups] == [
        ("image", ("image a", "image b", "image c")),
        ("image", ("image d", "image e")),
        ("text", ("text a", "text b")),
    ]
    assert groups[0].images == ("image a.png", "image b.png", "image c.png")
    assert groups[0].score == pytest.approx(np.cos(np.radians(4)), abs=1e-5)
    assert [len(group.ids) for group in duplicates(made, 1.0, Quiet())] == [2, 2]


def test_too_many_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_MOST", 1)
    with pytest.raises(ConfigError, match="2 items are too many"):
        duplicates(table(tmp_path, {"a": 0, "b": 1}), 0.9, Quiet())
