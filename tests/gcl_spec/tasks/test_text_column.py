"""Texts in memory and in a temporary file."""

import errno
import os

import pytest

from gcl_spec.errors import DataError
from gcl_spec.tasks import text_column
from gcl_spec.tasks.text_column import TextColumn

TEXTS = ["", "a dog", "", "ä猫", "x" * 9, "y", ""]


@pytest.mark.parametrize("most", [1, 4, 8, 1000])
def test_texts_come_back_wherever_they_lie(monkeypatch: pytest.MonkeyPatch, most: int) -> None:
    monkeypatch.setattr(text_column, "_MOST_BYTES", most)
    column = TextColumn(empty=2)
    for text in TEXTS:
        column.add(text)
        assert column.get(1) == ""
    assert [column.get(2 + n) for n in range(len(TEXTS))] == TEXTS
    assert column.filled().tolist() == [False, False, *map(bool, TEXTS)]


def test_writes_that_are_cut_short_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text_column, "_MOST_BYTES", 8)
    write = os.pwrite
    monkeypatch.setattr(os, "pwrite", lambda file, data, start: write(file, data[:3], start))
    column = TextColumn()
    for text in TEXTS:
        column.add(text)
    assert [column.get(n) for n in range(len(TEXTS))] == TEXTS


def test_a_full_disk_is_told_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(text_column, "_MOST_BYTES", 1)
    monkeypatch.setattr(os, "pwrite", full)
    with pytest.raises(DataError, match=r"cannot keep texts .*No space left.* TMPDIR"):
        TextColumn().add("a dog")
