"""Shards that are cut off, changed or damaged; indices that are kept."""

import tarfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gcl_spec.data.formats import tar
from gcl_spec.errors import DataError
from kinds import ROWS, rows, source, write_llava, write_parquet, write_tar, write_tars


def test_the_index_is_made_once_and_never_stale(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_tars(tmp_path / "data")
    assert rows(source(tmp_path / "data")) == ROWS
    with monkeypatch.context() as patch:
        patch.setattr(tarfile, "open", None)
        assert rows(source(tmp_path / "data")) == ROWS
    for file in (tmp_path / "cache").iterdir():
        file.write_bytes(file.read_bytes()[:100])
    assert rows(source(tmp_path / "data")) == ROWS, "a damaged index is made anew"
    write_tar(tmp_path / "data" / "00001.tar", [("z", None, "new")])
    assert rows(source(tmp_path / "data")) == [*ROWS[:2], ("z", None, "new")]
    monkeypatch.setattr(tar, "_OPEN", 1)
    assert rows(source(tmp_path / "data")) == [*ROWS[:2], ("z", None, "new")]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    kind=st.sampled_from(["llava", "tar", "parquet"]),
    place=st.floats(0, 1), byte=st.integers(0, 255), cut=st.booleans(),
)  # fmt: skip
def test_damage_is_a_data_error(
    tmp_path: Path, kind: str, place: float, byte: int, cut: bool
) -> None:
    file = {"llava": "blip.json", "tar": "00000.tar", "parquet": "train-000.parquet"}[kind]
    if not (tmp_path / kind).exists():
        {"llava": write_llava, "tar": write_tars, "parquet": write_parquet}[kind](tmp_path / kind)
        (tmp_path / f"{kind}.good").write_bytes((tmp_path / kind / file).read_bytes())
    data = bytearray((tmp_path / f"{kind}.good").read_bytes())
    at = min(int(place * len(data)), len(data) - 1)
    data = data[:at] if cut else data[:at] + bytes([byte]) + data[at + 1 :]
    (tmp_path / kind / file).write_bytes(bytes(data))
    try:
        found = source(tmp_path / kind)
    except DataError:
        return
    for n in range(len(found)):
        try:
            sample = found.sample(n)
            if sample.image is not None:
                found.read_bytes(sample.image)
        except DataError:
            continue
