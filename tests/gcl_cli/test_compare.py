"""`gcl compare`, in this process."""

import json
from pathlib import Path

import pytest
from click.testing import Result

from called import call
from drawn_sweeps import drawn_sweep
from gcl_cli.compare import command
from gcl_spec.errors import InputError
from reports import write_report, write_run


def compared(*args: object) -> Result:
    return call(command, *args)


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path, Path]:
    worse = write_run(tmp_path / "worse", [0.0] * 10)
    better = write_report(tmp_path / "better.json", [1.0] * 8 + [0.0] * 2)
    for seed in (0, 1):
        write_run(tmp_path / "seeds" / f"seed-{seed}", [float(seed)] * 10)
    return worse, better, tmp_path / "seeds"


def test_the_verdict_stands_at_the_end(files: tuple[Path, Path, Path], tmp_path: Path) -> None:
    worse, better, seeds = files
    found = compared(worse, better, seeds, "--json", tmp_path / "out.json")
    assert found.exit_code == 0
    lines = found.output.splitlines()
    assert [line.partition(":")[0] for line in lines[-4:]] == ["WIN"] * 4
    assert lines[-4].startswith("WIN: better.json against worse, local hit@10: +80.0 points")
    assert "mean +- deviation over seeds" in found.output
    assert "50.0 +- 70.71" in found.output
    written = json.loads((tmp_path / "out.json").read_text())["differences"]
    assert [one["verdict"] for one in written] == ["WIN"] * 8
    assert compared(better, better).output.count("TIED:") == 2
    assert compared(better, worse, "--pool", "local").output.count("WORSE:") == 1


def test_fail_under(files: tuple[Path, Path, Path]) -> None:
    worse, better, _ = files
    assert compared(worse, better, "--fail-under", "0").exit_code == 0
    assert compared(better, better, "--fail-under", "0").exit_code == 0
    found = compared(better, worse, "--fail-under=-79.9")
    assert found.exit_code == 1
    assert found.output.splitlines()[-1].startswith("failed: an average changes by -80.00 points")
    assert compared(better, worse, "--fail-under=-80.1").exit_code == 0
    assert compared(better, worse, "--fail-under", "nan").exit_code == 2


def test_sweeps_are_compared_in_each_composition(tmp_path: Path) -> None:
    for name, better in (("a", 0.0), ("b", 0.3)):
        sweep = drawn_sweep(0, better=better, count=21)
        (tmp_path / f"{name}.json").write_text(json.dumps(sweep.to_json()))
    files = [tmp_path / "a.json", tmp_path / "b.json"]
    found = compared(*files, "--json", tmp_path / "out.json")
    lines = found.output.splitlines()
    assert lines[-1].startswith("WIN: b.json against a.json, whole hit@10: +")
    assert "20 of 21 compositions" in found.output
    assert any(line.startswith("b.json against a.json, 21 compositions: ") for line in lines)
    assert any(line.startswith("the worst one: a.json ") for line in lines)
    assert all(len(line) <= 80 for line in lines if line.startswith(" "))
    written = json.loads((tmp_path / "out.json").read_text())["differences"]
    assert len({one["column"] for one in written}) == 22
    one = compared(*files, "--pool", "70:10:20").output
    assert "by image+text" in one
    assert one.splitlines()[-1].startswith("WIN: b.json against a.json, 70:10:20 hit@10: +")
    assert compared(*files[::-1], "--pool", "whole", "--fail-under", "0").exit_code == 1


def test_what_cannot_be_compared(files: tuple[Path, Path, Path], tmp_path: Path) -> None:
    worse, better, _ = files
    found = compared(worse)
    assert found.exit_code == 2
    assert "give two at least" in found.output
    others = write_report(tmp_path / "others.json", [0.0] * 10, task="u")
    with pytest.raises(InputError, match=r"others\.json: no task 't' in local hit@10"):
        compared(worse, others)
    fewer = write_report(tmp_path / "fewer.json", [0.0] * 9)
    with pytest.raises(InputError, match=r"fewer\.json: other queries .* such as 'q9'"):
        compared(worse, fewer)
    with pytest.raises(InputError, match=r"no hit@7; there are local hit@1"):
        compared(worse, better, "--metric", "hit@7")
