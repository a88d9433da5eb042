"""Files that were asked for are there before anything is printed: `gcl ... --json FILE | head`."""

import json
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TextIO

import pytest

from embedding import work
from gcl_cli import main as cli
from gcl_spec.bench import process, suite
from gcl_spec.conformance.cases.file import write_case
from gcl_spec.conformance.cases.fixed import quick_cases
from gcl_spec.train.world import single
from reports import write_report
from tiles_on_disk import write_data


@pytest.fixture
def closed_pipe() -> Iterator[TextIO]:
    """A standard output whose reader has gone, as after `| head`."""
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w") as stdout:
        yield stdout
        with Path(os.devnull).open("w") as nothing:  # closing it writes what is left
            os.dup2(nothing.fileno(), writing)


def bench_loss(folder: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    backend = suite.Described("numpy", "1", "cpu", {"plain": {"computes": "", "missing": ""}})
    monkeypatch.setattr(suite, "describe", lambda settings: ([backend], []))
    monkeypatch.setattr(process, "ask", lambda *args, **more: {"error": "none"})
    monkeypatch.setattr(suite, "ask", process.ask)
    return ["bench", "loss", "-n", "4"]


def bench_search(folder: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    monkeypatch.setattr(process, "ask", lambda *args, **more: {"error": "none"})
    return ["bench", "search", "-q", "3", "-c", "40", "-d", "4"]


def verify_backends(folder: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    write_case(folder / "one.npz", quick_cases()[0])
    case = ["--case", str(folder / "one.npz"), "--dtype", "float64"]
    return ["verify-backends", "--backend", "reference", "--jobs", "1", *case]


def data_check(folder: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    return ["data", "check", str(write_data(folder / "data"))]


def compare(folder: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    files = [write_report(folder / f"{name}.json", [1.0] * 4) for name in "ab"]
    return ["compare", *map(str, files)]


def eval_embeddings(folder: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    work(write_data(folder / "data"), folder / "rows").run(single())
    return ["eval", "--embeddings", str(folder / "rows")]


@pytest.mark.parametrize(
    "command", [bench_loss, bench_search, verify_backends, data_check, compare, eval_embeddings]
)
def test_a_closed_pipe_takes_no_file(
    command: Callable[[Path, pytest.MonkeyPatch], list[str]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    closed_pipe: TextIO,
) -> None:
    args = command(tmp_path, monkeypatch)
    monkeypatch.setattr(sys, "stdout", closed_pipe)
    with pytest.raises(SystemExit):
        cli.cli.main([*args, "--json", str(tmp_path / "found.json")], standalone_mode=False)
    assert json.loads((tmp_path / "found.json").read_text())
