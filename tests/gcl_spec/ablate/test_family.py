"""The comparison of the family by a backend in NumPy: search, choice, and test tasks once."""

import shutil
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from fake import FakeBackend
from gcl_spec.ablate import ablation, choice, pools
from gcl_spec.ablate.choice import FILE
from gcl_spec.ablate.family import REGIMES, SCALES, Family, family_of
from gcl_spec.ablate.family_rows import family_rows, searched
from gcl_spec.config.options import Config, ObjectiveConfig
from gcl_spec.errors import ConfigError, StoppedError
from gcl_spec.run.folder import RunFolder
from gcl_spec.train.loop import Loop
from gcl_spec.train.training import run_training
from loop_config import Said
from tiles_on_disk import write_data

SETTINGS = {"clip": ("objective.preset=clip",), "half": ("objective.positives=0.5",)}


@pytest.fixture
def family(tmp_path: Path) -> Family:
    data = write_data(tmp_path / "tiles")
    sets = ["model.width=4", "model.image_size=32", "train.batch_size=6", "train.steps=1"]
    sets += [f"data.path='{data}'", f"data.cache='{tmp_path / 'cache'}'", "train.keep=1"]
    return family_of(
        tmp_path / "out", "gap", SETTINGS, scales=["16"], rates=["0.01", "1"], seeds=1,
        calibrations=["mean"], overrides=sets,
    )  # fmt: skip


def test_choices_are_made_on_validation_tasks_and_each_is_tested_once(
    family: Family, monkeypatch: pytest.MonkeyPatch
) -> None:
    swept = SimpleNamespace(worst=SimpleNamespace(value=0.25, name="0:100:0"))
    monkeypatch.setattr(pools, "sweep_run", lambda *_, **__: (swept, ()))
    assert family.run(FakeBackend(), Said()) == []
    assert searched(family) == (4, 4)
    for cell in family.search():
        config = RunFolder.open(cell.folder(family.out)).config()
        assert config.eval.tasks == "val_tasks"
        assert not pools.stored(cell.folder(family.out))
    choices = family.choices()
    assert [*choices] == [(c, by) for c in SETTINGS for by in ("none", "mean")]
    for cell in family.cells():
        run = RunFolder.open(cell.folder(family.out))
        assert run.config().eval.tasks == "tasks"
        assert pools.stored(run.path)["mean"] == {pools.WORST: 0.25}
    start, *_, last = family_rows(family)
    assert (start.objective, start.geometry[pools.WORST]) == ("start", (0.25, None))
    assert (last.objective, last.calibration, last.seeds) == ("half", "mean", 1)
    assert last.chosen == choices["half", "mean"].name
    said = Said()
    monkeypatch.setattr(Loop, "run", None)
    assert family.run(FakeBackend(), said) == []
    assert said.lines == []
    with pytest.raises(ConfigError, match="other scales or learning rates"):
        replace(family, rates=["1"]).search()


def test_a_search_on_other_data_trains_and_chooses_there_alone(
    family: Family, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun = {}

    def noting(config: Config, backend: FakeBackend, out: Path, **how: Any) -> RunFolder:
        begun[out] = (config.data.path, how["init"])
        return run_training(config, backend, out, **how)

    monkeypatch.setattr(ablation, "run_training", noting)
    other = write_data(tmp_path / "others")
    shutil.rmtree(other / "tasks")  # validation tasks alone will do
    shutil.rmtree(tmp_path / "tiles" / "val_tasks")
    plain = replace(family.ablation, calibrations=(), further=False)
    family = replace(family, ablation=plain, choose_on=str(other))
    said = Said()
    assert family.run(FakeBackend(), said) == []
    assert not any("starter set" in line for line in said.lines)
    for cells, path, folder in (
        (family.search(), other, "search/start"),
        (family.cells(), tmp_path / "tiles", "start"),
    ):
        start = family.out / folder / "seed-0"
        assert begun.pop(start) == (str(path), None)
        for cell in cells:
            assert begun.pop(cell.folder(family.out)) == (str(path), start)
    assert not begun
    others = replace(plain, candidates={"gcl": ("objective.preset=gcl",)})
    for one in (family, replace(family, ablation=others)):
        with pytest.raises(ConfigError, match="or the same --choose-on"):
            replace(one, choose_on="").search()


def test_a_comparison_goes_on_where_its_data_has_moved(
    family: Family, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = replace(family.ablation, calibrations=(), further=False, start=None)
    family = replace(family, ablation=plain)
    assert family.run(FakeBackend(), Said()) == []
    moved = (tmp_path / "tiles").rename(tmp_path / "moved")
    base = replace(plain.base, data=replace(plain.base.data, path=str(moved)))
    there = replace(family, ablation=replace(plain, base=base))
    opened: list[Path] = []
    counting = SimpleNamespace(open=lambda path: opened.append(path) or RunFolder.open(path))
    monkeypatch.setattr(choice, "RunFolder", counting)
    assert len(there.search()) == 4
    assert len(opened) == 1, "one run tells of all"
    write_data(tmp_path / "tiles")
    with pytest.raises(ConfigError, match=r"is now to be on .*moved"):
        there.search()


def test_data_without_validation_tasks_is_no_place_to_choose(tmp_path: Path) -> None:
    data = write_data(tmp_path / "tiles")
    shutil.rmtree(data / "val_tasks")
    with pytest.raises(ConfigError, match="has no val_tasks/"):
        family_of(
            tmp_path / "out", "gap", SETTINGS, scales=SCALES, rates=(), seeds=1, calibrations=(),
            overrides=(), choose_on=str(data),
        )  # fmt: skip


def test_a_stop_chooses_nothing_and_a_failed_setting_is_not_chosen(
    family: Family, monkeypatch: pytest.MonkeyPatch
) -> None:
    family = replace(family, ablation=replace(family.ablation, calibrations=(), start=None))
    train = Loop.run

    def failing(loop: Loop) -> None:
        if loop.config.objective.preset == "clip" and loop.config.optim.lr == 0.01:
            raise RuntimeError("no memory")
        if stops and loop.config.objective.preset != "clip":
            raise StoppedError("stopped by SIGTERM", resumable=True)
        train(loop)

    monkeypatch.setattr(Loop, "run", failing)
    stops = True
    with pytest.raises(StoppedError):
        family.run(FakeBackend(), Said())
    assert not (family.out / FILE).exists()
    assert family.cells() == []
    row = family_rows(family)[0]
    assert (row.seeds, row.failed) == (0, ("clip at scale 16, lr 0.01, seed 0: no memory",))
    stops = False
    assert [cell.lr for cell in family.run(FakeBackend(), Said())] == ["0.01"]
    clip = family.choices()["clip", "none"]
    assert (clip.lr, [one.failed for one in clip.tried]) == ("1", ["no memory", ""])


def test_no_default_of_a_recipe_is_part_of_a_candidate(tmp_path: Path) -> None:
    for regime in REGIMES:
        found = family_of(
            tmp_path, regime, SETTINGS, scales=SCALES, rates=(), seeds=1, calibrations=(),
            overrides=(),
        )  # fmt: skip
        base = found.ablation.base
        assert (base.objective, base.model.dropout) == (ObjectiveConfig(), 0.0)
        assert len(found.search()) == len(SETTINGS) * len(SCALES) * len(REGIMES[regime].rates)
