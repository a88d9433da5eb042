"""`gcl ablate`, in this process, by a backend in NumPy."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from called import call_training
from gcl_cli.ablate import command
from gcl_cli.compare import command as compare
from gcl_spec.errors import ConfigError, StoppedError
from gcl_spec.train.loop import Loop
from tiles_on_disk import write_data

CELLS = [
    "--objective",
    "clip",
    "--objective",
    "gcl",
    "--scale",
    "16",
    "--seeds",
    "2",
    "--calibration",
    "mean",
]


def call(data: Path, *args: str) -> Result:
    return call_training(command, data, *args, sets=("train.steps=2",))


def test_tables_page_figure_and_json(tmp_path: Path) -> None:
    data, out = write_data(tmp_path / "tiles"), tmp_path / "out"
    found = call(data, *CELLS, "--json", str(tmp_path / "rows.json"))
    assert found.exit_code == 0
    for words in ("hit@10, as embedded", "hit@10, with mean", "The space", "Δ global"):
        assert words in found.stdout
    tables = [line for line in found.stdout.splitlines() if line.startswith(" ")]
    assert max(map(len, tables)) <= 80
    rows = json.loads((tmp_path / "rows.json").read_text())["rows"]
    assert [(r["objective"], r["calibration"], r["seeds"]) for r in rows] == [
        (name, by, 2) for name in ("start", "clip", "gcl") for by in ("none", "mean")
    ]
    assert json.loads((out / "ablation.json").read_text())["rows"] == rows
    assert "hit@10, with mean:" in (out / "ablation.md").read_text()
    assert "<svg" in (out / "ablation.svg").read_text()
    assert "In the paper" in (out / "ablation.html").read_text()
    pair = [str(out / name / "scale-16") for name in ("gcl", "clip")]
    assert "TIED" in CliRunner().invoke(compare, pair).stdout
    shown = call(data, *CELLS, "--show")
    assert shown.stdout == found.stdout


def test_a_stop_says_how_to_go_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stopped(loop: Loop) -> None:
        raise StoppedError("stopped by SIGINT", resumable=True)

    monkeypatch.setattr(Loop, "run", stopped)
    with pytest.raises(StoppedError, match="SIGINT; the same command goes on"):
        call(write_data(tmp_path / "tiles"), *CELLS)


def test_failures_end_with_1_after_the_table(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(loop: Loop) -> None:
        raise RuntimeError("no memory")

    monkeypatch.setattr(Loop, "run", failing)
    found = call(write_data(tmp_path / "tiles"), "--init", "nowhere", *CELLS)
    assert found.exit_code == 1
    assert found.stdout.count("failed") == 2 * 2
    assert "4 trainings failed" in found.stderr
    assert "nowhere" in (tmp_path / "out" / "ablation.html").read_text()


def test_what_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = write_data(tmp_path / "tiles")
    for words, reason in (
        (["--objective", "glc"], "no objective 'glc'"),
        (["--scale", "high"], "must be a number"),
        (["--recipe", "lite", "--config", "x.toml"], "not both"),
        (["--start", "lite", "--init", "x"], "not from both"),
        (["--calibration", "meen"], "meen"),
    ):
        with pytest.raises(ConfigError, match=reason):
            call(data, *words)
    assert not (tmp_path / "out").exists()
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(ConfigError, match="one process"):
        call(data, *CELLS)
