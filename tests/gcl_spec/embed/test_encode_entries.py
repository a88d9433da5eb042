"""Entries become rows in order; those without one have a reason."""

from pathlib import Path

import numpy as np

from embedding import work
from gcl_spec.embed.entry import Entry
from tiles_on_disk import write_data


def test_reasons_stand_at_the_place_of_the_entry(tmp_path: Path) -> None:
    encoder = work(write_data(tmp_path / "data"), tmp_path / "rows").encoder
    picture, text = ("image", "0.png"), ("text", "red")
    entries = [
        Entry("a", (picture,)), Entry("b", (("audio", "x"),)), Entry("c", (picture, text)),
        Entry("d", (), "its line is malformed"), Entry("e", (("image", "none.png"), text)),
        Entry("f", ()),
    ]  # fmt: skip
    told: list[int] = []
    rows, absent = encoder.encode(entries, told.append)
    assert rows.shape == (2, 4)
    assert absent[1] == "this model has no embedding of audio"
    assert absent[3] == "its line is malformed"
    assert "none.png" in absent[4]
    assert absent[5] == "this model has no embedding of nothing"
    assert told == [3, 5]
    alone, _ = encoder.encode([entries[2]], told.append)
    np.testing.assert_allclose(alone[0], rows[1], atol=1e-6)
    none, absent = encoder.encode(entries[1:2], told.append)
    assert (len(none), len(absent)) == (0, 1)
