"""`gcl bench search`: the table, the file that is left, and backends that fail or disagree."""

import json
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from gcl_cli.bench_search import search
from gcl_spec.bench import process

SMALL = ["-q", "3", "-c", "40", "-d", "4", "-k", "2", "--repeats", "1"]


def test_a_search_is_measured(tmp_path: Path) -> None:
    args = [*SMALL, "--backend", "numpy", "--backend", "nothing", "--folder", str(tmp_path)]
    done = CliRunner().invoke(
        search, [*args, "--json", str(tmp_path / "out.json")], standalone_mode=False
    )
    assert (done.return_value, done.exception) == (0, None)
    assert "no backend 'nothing'" in done.output
    assert "numpy" in done.stdout
    assert all(len(line) <= 100 for line in done.stdout.splitlines())
    assert [path.name for path in tmp_path.iterdir()] == ["out.json"]
    found = json.loads((tmp_path / "out.json").read_text())
    assert found["machine"]["cpus"] >= 1
    first, second = found["results"]
    assert (first["rows"], first["width"], first["queries"], first["error"]) == (40, 4, 3, "")
    assert "path" not in first
    assert "nothing" in second["error"]


def measured(what, case, *, timeout):
    numbers = dict.fromkeys(("products", "cpu_products", "peak_mb", "rise_mb", "cut"), 1)
    return {"found": {"search_s": [1.0], "ids": case.backend, **numbers}}


def test_what_was_measured_before_an_interrupt_is_left(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def ask(what, case, *, timeout):
        if case.backend == "torch":
            raise KeyboardInterrupt
        return measured(what, case, timeout=timeout)

    monkeypatch.setattr(process, "ask", ask)
    args = [*SMALL, "--backend", "numpy", "--backend", "torch", "--json", str(tmp_path / "out")]
    done = CliRunner().invoke(search, args, standalone_mode=False)
    assert isinstance(done.exception, click.Abort)
    assert [x["backend"] for x in json.loads((tmp_path / "out").read_text())["results"]] == [
        "numpy"
    ]
    assert "1.00" in done.stdout


def test_different_ids_are_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "ask", measured)
    args = [*SMALL, "--backend", "numpy", "--backend", "torch"]
    done = CliRunner().invoke(search, args, standalone_mode=False)
    assert done.return_value == 1
    assert "the backends found different ids" in done.output
