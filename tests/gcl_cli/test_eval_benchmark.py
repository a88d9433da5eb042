"""`gcl eval --benchmark`, in this process."""

import json
from pathlib import Path

import pytest
from click.testing import Result

from called import call
from gcl_cli import _benchmark
from gcl_cli.eval import command
from gcl_spec.errors import ConfigError, DataError
from goldens import GOLDENS, copied
from trained import trained_run


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path: Path = tmp_path_factory.mktemp("trained") / "run"
    trained_run(path)
    return path


def evaluated(run: Path, *args: object) -> Result:
    return call(command, run, "--device", "cpu", "--allow-unverified", *args)


def test_the_table_and_the_figures_of_a_benchmark(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "figures.json"
    options = ("--benchmark", "mmeb", "--data", GOLDENS / "mmeb")
    monkeypatch.setattr(_benchmark, "_MANY", 10)
    out = evaluated(run, *options, "--json", file).output
    assert "rows will be held in memory; gcl embed RUN DIR OUT --benchmark mmeb" in out
    assert "mmeb, percent" in out
    assert "average of 6 of 12" in out
    assert "paper: VISTA, GCL" in out
    assert "partial: 6 of 12 sets are missing" in out
    report = json.loads(file.read_text())
    assert report["benchmark"] == "mmeb"
    with pytest.raises(ConfigError, match=r"--trec .*figures\.json: it exists"):
        evaluated(run, *options, "--trec", file)
    assert [x["task"] for x in report["figures"]][:2] == ["VisDial", "CIRR"]
    assert len(report["figures"][1]["per_query"]) == 8


def test_instructions_are_for_m_beir(run: Path) -> None:
    data = ("--data", GOLDENS / "mbeir")
    trec = ("--trec", run.parent / "trec")
    out = evaluated(run, "--benchmark", "mbeir", *data, "--instructions", "on", *trec).output
    files = {file.name for file in (run.parent / "trec").iterdir()}
    assert {f"cirr_task7.{pool}.run" for pool in ("local", "global")} < files
    assert "global hit@50" in out
    assert "6 of 26 relevant candidates are in other pools" in out
    with pytest.raises(ConfigError, match="--instructions on is for mbeir, not for mixbench"):
        evaluated(run, "--benchmark", "mixbench", *data, "--instructions", "on")
    assert "needs --data DIR" in evaluated(run, "--benchmark", "mbeir").output
    assert "is for --benchmark mbeir" in evaluated(run, "--instructions", "on").output


def test_pictures_that_are_missing_are_counted_before_anything_is_encoded(
    run: Path, tmp_path: Path
) -> None:
    root = copied("mixbench", tmp_path)
    (root / "MixBench25" / "OVEN" / "images" / "1.png").unlink()
    with pytest.raises(DataError, match=r"images/1\.png'; 1 of 6 pictures or videos \(16\.7%\)"):
        evaluated(run, "--benchmark", "mixbench", "--data", root)


def test_videos_that_are_missing_are_counted(run: Path, tmp_path: Path) -> None:
    root = copied("covr", tmp_path)
    name = "webvid8m-covr_test"
    (root / f"{name}_sorted.csv").rename(root / f"{name}.csv")
    with pytest.raises(DataError, match=r"30 of 30 pictures or videos .* are missing"):
        evaluated(run, "--benchmark", "covr", "--data", root)
