"""`gcl train --seeds`, in this process, by a backend in NumPy."""

import json
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from called import call_training
from gcl_cli.compare import command as compare
from gcl_cli.eval import command as evaluate
from gcl_cli.train import command
from gcl_spec.errors import ConfigError, StoppedError
from gcl_spec.run.folder import RunFolder
from gcl_spec.train.loop import Loop
from tiles_on_disk import write_data


def call(data: Path, *args: str) -> Result:
    return call_training(command, data, *args, sets=("optim.warmup_steps=2", "train.steps=4"))


def test_a_run_that_was_stopped_goes_on_and_one_that_ended_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data, out = write_data(tmp_path / "tiles"), tmp_path / "out"
    found = call(data, "--seeds", "2")
    assert "mean +- deviation over 2 seeds" in found.stdout
    assert "average" in found.stdout
    assert "+-" in found.stdout.splitlines()[-3]
    wanted = {seed: (out / f"seed-{seed}" / "after.json").read_bytes() for seed in (0, 1)}
    assert wanted[0] != wanted[1], "the seeds differ"
    page = (out / "report.html").read_text()
    assert 'href="seed-1/report.html"' in page
    assert page.count("+- ") == 1 + 2 * 4, "the lead, and two tables"

    shutil.rmtree(out / "seed-1")
    train = Loop.run

    def stopped(loop: Loop) -> None:
        raise StoppedError("stopped by SIGINT", resumable=True)

    monkeypatch.setattr(Loop, "run", stopped)
    with pytest.raises(StoppedError, match="go on with: the same command"):
        call(data, "--seeds", "2")
    assert not (out / "seed-1" / "after.json").exists()
    monkeypatch.setattr(Loop, "run", train)
    said = call(data, "--seeds", "2").stderr
    assert "seed-0: has ended before, not run again" in said
    assert "seed-1: goes on" in said
    assert {n: (out / f"seed-{n}" / "after.json").read_bytes() for n in (0, 1)} == wanted
    assert RunFolder.open(out / "seed-1").config().train.seed == 1

    asked = CliRunner().invoke(evaluate, [str(out), "--instructions", "on"])
    assert (asked.exit_code, "--instructions on is for --benchmark" in asked.output) == (2, True)
    table = CliRunner().invoke(compare, [str(out), str(out / "seed-1")]).output
    assert "mean +- deviation over seeds" in table
    with pytest.raises(ConfigError, match=r"drop --init, --seeds, --dry-run"):
        call(data, "--resume", "--seeds", "2")


def test_a_folder_of_seeds_is_evaluated(tmp_path: Path) -> None:
    data, out = write_data(tmp_path / "tiles"), tmp_path / "out"
    table = call(data, "--seeds", "2").stdout.splitlines()
    same = ["--backend", "fake:FakeBackend", "--data", str(data)]

    def evaluated(*args: object) -> Result:
        return CliRunner().invoke(evaluate, [*same, *map(str, args)])

    done = evaluated(out, "--json", tmp_path / "seeds.json")
    assert done.exit_code == 0, done.output
    assert [line for line in table if "|" in line or "average" in line] == [
        line for line in done.stdout.splitlines() if "|" in line or "average" in line
    ]
    found = json.loads((tmp_path / "seeds.json").read_text())["seeds"]
    for seed in (0, 1):
        own = json.loads((out / f"seed-{seed}" / "after.json").read_text())
        assert found[f"seed-{seed}"] == own
    refused = evaluated(out, "--trec", tmp_path / "trec")
    assert refused.exit_code == 2
    assert "give one of them, such as" in refused.output
    assert evaluated(tmp_path / "nothing").exit_code != 0
