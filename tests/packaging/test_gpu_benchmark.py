"""The script for CUDA devices, tried on the CPU: its parts, and what it does where one fails."""

import importlib.util
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
import torch

from repository import REPOSITORY


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    folder, threads = REPOSITORY / "benchmarks", torch.get_num_threads()
    monkeypatch.syspath_prepend(str(folder))
    spec = importlib.util.spec_from_file_location("gpu", folder / "gpu.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    yield module
    torch.set_num_threads(threads)


def test_all_parts_on_a_cpu_are_rows_of_both_tables(gpu: ModuleType, tmp_path: Path) -> None:
    words = ["--device", "cpu", "--sizes", "24", "--quick", "--here", "--backends", "torch"]
    assert gpu.main([*words, "--out", str(tmp_path)]) == 0
    rows = json.loads((tmp_path / "gpu.json").read_text())["rows"]
    assert {row["part"] for row in rows} == {*gpu.PARTS}
    assert {row["result"] for row in rows} == {"ok"}
    losses = [row["loss"] for row in rows if row["part"] == "loss"]
    assert losses == pytest.approx([losses[0]] * 3, rel=1e-5)
    text = (tmp_path / "gpu.md").read_text()
    for row in rows:
        assert f"| {row['part']} | torch | {row['case']} |" in text


def test_a_part_that_fails_is_a_row_and_the_others_go_on(
    gpu: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> Iterator[object]:
        yield {"case": "first", "result": "ok"}
        raise RuntimeError("no memory\nof 9 GB")

    def sees_none(*_: object) -> Iterator[object]:
        yield {"case": "all", "result": "jax sees no such device", "absent": True}

    parts = {"verify": broken, "laws": sees_none, "loss": sees_none, "step": sees_none}
    monkeypatch.setattr(gpu, "PARTS", parts)
    words = ["--device", "cpu", "--here", "--backends", "jax", "--out", str(tmp_path)]
    assert gpu.main(words) == 1
    rows = json.loads((tmp_path / "gpu.json").read_text())["rows"]
    assert [row["result"] for row in rows[:2]] == ["ok", "failed: no memory"]
    assert len(rows) == 5
    parts["verify"] = sees_none
    assert gpu.main(words) == 0


def test_a_process_that_ends_or_hangs_leaves_the_rows_that_it_printed(gpu: ModuleType) -> None:
    row = {"part": "laws", "backend": "torch", "case": "a", "result": "ok"}
    ends = f"import sys; print('noise'); print('''{json.dumps(row)}'''); sys.exit('lost')"
    found = gpu.asked([sys.executable, "-S", "-c", ends], "laws", "torch", 60.0)
    assert found[0] == row
    assert [one["result"] for one in found[1:]] == ["failed: lost"]
    hangs = [sys.executable, "-S", "-c", "import time; time.sleep(600)"]
    (late,) = gpu.asked(hangs, "laws", "torch", 0.2)
    assert late["result"] == "failed: not done after 0 s"
    assert "no time was left" in gpu.asked(hangs, "laws", "torch", -1.0)[0]["result"]


def test_without_a_device_it_says_so_in_a_line_and_ends_with_2(
    gpu: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert gpu.main([]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("no CUDA device: torch ")
    assert said.err.count("\n") == 1


def test_the_limits_leave_all_parts_under_eight_minutes(gpu: ModuleType) -> None:
    assert gpu.SECONDS <= 470
    assert sum(limit for (_, backend), limit in gpu.LIMITS.items() if backend == "torch") < 470
