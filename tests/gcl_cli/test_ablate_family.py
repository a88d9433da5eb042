"""`gcl ablate --family`, in this process, by a backend in NumPy."""

import json
from pathlib import Path

import pytest

from called import call_training
from gcl_cli.ablate import command
from gcl_spec.errors import ConfigError, DataError
from tiles_on_disk import write_data

FEW = ("--family", "--candidates", "clip,gcl", "--scale", "16", "--seeds", "1", "--regime",
       "scratch", "--lr", "0.01", "--calibration", "none")  # fmt: skip


def test_a_regime_has_tables_a_figure_and_the_choice(tmp_path: Path) -> None:
    data, out = write_data(tmp_path / "tiles"), tmp_path / "out" / "scratch"
    more = ("--candidate", "half=objective.positives=0.5", "--json", str(tmp_path / "rows.json"))
    found = call_training(command, data, *FEW, *more, sets=("train.steps=1",))
    assert found.exit_code == 0
    assert "scratch: from fresh heads; 3 of 3 trainings" in found.stdout
    (regime,) = json.loads((tmp_path / "rows.json").read_text())["regimes"].values()
    assert json.loads((out / "family.json").read_text()) == regime
    assert [row["objective"] for row in regime["rows"]] == ["clip", "gcl", "half"]
    assert {row["chosen"] for row in regime["rows"]} == {"16, lr 0.01"}
    assert [*regime["rows"][2]["against"]] == ["clip", "gcl"]
    assert regime["choices"][0]["tried"][0]["figure"] is not None
    text = (out / "family.md").read_text()
    assert "| half | 16, lr 0.01 | 1 |" in text
    assert "Validation tasks, global / local hit@10; * chosen by the mean of" in text
    assert "<svg" in (out / "family.svg").read_text()
    assert "What was chosen" in (out / "family.html").read_text()
    shown = call_training(command, data, *FEW, *more, "--show", sets=("train.steps=1",))
    assert shown.stdout == found.stdout


def test_the_search_has_data_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    data, other = write_data(tmp_path / "tiles"), write_data(tmp_path / "others")
    words = (*FEW, "--choose-on", "~/others")
    found = call_training(command, data, *words, sets=("train.steps=1",))
    assert found.exit_code == 0, found.output
    runs = {path.parts[-5]: path for path in (tmp_path / "out").glob("**/clip/**/config.toml")}
    assert f'path = "{other}"' in runs["search"].read_text()
    assert f'path = "{data}"' in runs["scratch"].read_text()


def test_what_is_refused(tmp_path: Path) -> None:
    data = write_data(tmp_path / "tiles")
    for words, reason in (
        ((*FEW, "--objective", "gcl"), "leave out --recipe"),
        ((*FEW, "--recipe", "lite"), "leave out --recipe"),
        (("--lr", "1"), "--lr is for gcl ablate --family"),
        (("--candidate", "x=objective.preset=gcl"), "--candidate is for"),
        (("--choose-on", str(data)), "--choose-on is for"),
        ((*FEW, "--regime", "flat"), "no regime 'flat'"),
        ((*FEW, "--candidates", "glc"), "no candidate 'glc'"),
        ((*FEW, "--scale", "high"), "must be a number"),
        ((*FEW, "--set", "eval.tasks=val_tasks"), "every candidate has its own eval.tasks"),
        ((*FEW, "--set", "objective.positives=0.5"), "--candidate adds a setting"),
    ):
        with pytest.raises(ConfigError, match=reason):
            call_training(command, data, *words)
    with pytest.raises(DataError, match="no folder or zip archive"):
        call_training(command, data, *FEW, "--choose-on", str(tmp_path / "none"))
    assert not (tmp_path / "out").exists()
