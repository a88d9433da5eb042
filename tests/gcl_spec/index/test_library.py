"""Texts of users are quoted in SQL, and LanceDB's errors are lines."""

import sys
from pathlib import Path

import pytest

from gcl_spec.errors import ConfigError, DataError, FileError
from gcl_spec.index.library import equals_any, lance_errors, lancedb


def test_quotes_are_doubled() -> None:
    assert equals_any("id", ["a'b", "''", "\\", "\0"]) == "id IN ('a''b', '''''', '\\', '\0')"


def test_errors_are_lines_with_a_way_out() -> None:
    with (
        pytest.raises(
            FileError,
            match=r"cannot write the index ix: no\. way; check .* was committed before stays",
        ),
        lance_errors("write", Path("ix")),
    ):
        raise RuntimeError("no. way, /build/lance-file/writer.rs:258:9\nat lance.rs:1")
    with (
        pytest.raises(
            FileError, match="cannot write the index ix: the disk is full; free some space"
        ),
        lance_errors("write", Path("ix")),
    ):
        raise OSError("LanceError(IO): No space left on device (os error 28)")
    with pytest.raises(DataError, match="mine"), lance_errors("read", Path("ix")):
        raise DataError("mine")


def test_nothing_stands_in_for_another_package() -> None:
    assert lancedb().__name__ == "lancedb"
    client = sys.modules.get("lance_namespace_urllib3_client")
    assert client is None or client.__file__ is not None
    import lance_namespace_urllib3_client as whole

    assert whole.ApiClient


def test_without_lancedb_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "lancedb", None)
    with pytest.raises(ConfigError, match=r"pip install 'gcl-spec\[index\]'"):
        lancedb()
