"""Tar shards as training data."""

from pathlib import Path

import pytest

from kinds import png, rows, source, write_tar


@pytest.mark.parametrize("share", [0.3, 0.6, 0.8])
def test_a_shard_that_is_cut_off(share: float, tmp_path: Path) -> None:
    path = tmp_path / "data" / "a.tar"
    write_tar(path, [(str(n), png(n), f"text {n}") for n in range(40)])
    data = path.read_bytes()
    path.write_bytes(data[: int(share * len(data))])
    found = source(tmp_path / "data")
    (warning,) = found.warnings
    assert f"after {len(found)} whole samples" in warning
    assert 40 * share - 3 < len(found) < 40
    assert rows(found) == [(str(n), png(n), f"text {n}") for n in range(len(found))]


def test_a_name_that_stands_twice_is_said(tmp_path: Path) -> None:
    write_tar(tmp_path / "data" / "a.tar", [("a", png(1), "x"), ("b", png(2), "y"),
                                            ("a", png(3), "z")])  # fmt: skip
    for _ in range(2):
        found = source(tmp_path / "data")
        assert rows(found) == [("a", png(1), "x"), ("b", png(2), "y")]
        (warning,) = found.warnings
        assert "a.tar: 2 members stand in it twice, such as a (image)" in warning
