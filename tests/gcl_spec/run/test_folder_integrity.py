"""Runs that are not as they were written: refused with the way out, or taken where it is asked."""

import json
import re
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from safetensors.numpy import load_file, save_file

from fake import FakeBackend
from gcl_cli.main import cli
from gcl_spec import registry
from gcl_spec.config.options import Config
from gcl_spec.errors import CheckpointError, GclError
from gcl_spec.export.transformers import export_run
from gcl_spec.run import checkpoint
from gcl_spec.run.compare_runs import compare
from gcl_spec.run.folder import RunFolder
from gcl_spec.run.loaded import load_run
from gcl_spec.run.weights import weights_of
from gcl_spec.train.training import run_training
from loop_config import fast, numbers, state


@pytest.fixture
def config(data_folder: Path, tmp_path: Path) -> Config:
    return fast(data_folder, tmp_path / "cache", "train.eval_every=5", "train.log_every=1")


@pytest.fixture
def broken(config: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A run that stopped in step 13, with checkpoints of steps 5 and 10."""
    monkeypatch.setenv("FAKE_NAN", "13")
    with pytest.raises(Exception, match="step 13"):
        run_training(config, FakeBackend(), tmp_path / "run")
    monkeypatch.delenv("FAKE_NAN")
    return tmp_path / "run"


@pytest.fixture
def whole(config: Config, tmp_path: Path) -> Path:
    return run_training(config, FakeBackend(), tmp_path / "whole").path


def same(one: Path, two: Path) -> None:
    assert numbers(one) == numbers(two)
    assert all(state(one)[name].tobytes() == x.tobytes() for name, x in state(two).items())
    for name in ("before.json", "after.json", "examples.json", "config.toml"):
        assert (one / name).read_bytes() == (two / name).read_bytes()
    newest = f"checkpoints/step-{20:08d}.safetensors"
    assert (one / newest).read_bytes() == (two / newest).read_bytes(), "a published hash fits"


def test_a_changed_number_of_the_history_is_refused(broken: Path, whole: Path) -> None:
    """As the figure by which the best step is found."""
    path = broken / "metrics.jsonl"
    good = path.read_text()
    lines = good.splitlines(keepends=True)
    figure = next(n for n, line in enumerate(lines) if "val_hit@10" in line)
    for bad in (
        good.replace('"loss": ', '"loss": 1', 1),
        good.replace("samples_per_s", "samples_per_z", 1),
        "".join(lines[:figure] + lines[figure + 1 :]),
        "".join(lines[:4]),
        "",
    ):
        path.write_text(bad)
        with pytest.raises(CheckpointError, match=r"metrics\.jsonl: not as it was written"):
            run_training(None, FakeBackend(), broken, resume=True)
    for harmless in (good[:-7], "".join(lines[:-1]), "".join([*lines[:-1], "\0" * 20])):
        path.write_text(harmless)  # after the last checkpoint, as a crash may leave it
        copy = broken.with_name(f"copy{len(harmless)}")
        copy.mkdir()
        for file in broken.rglob("*"):
            if file.is_file():
                (copy / file.relative_to(broken)).parent.mkdir(exist_ok=True)
                (copy / file.relative_to(broken)).write_bytes(file.read_bytes())
        run_training(None, FakeBackend(), copy, resume=True)
        same(copy, whole)


@pytest.mark.parametrize("name", ["before.json", "examples.json", "data.json", "config.toml"])
def test_nothing_else_of_a_run_may_have_changed(broken: Path, whole: Path, name: str) -> None:
    good = (broken / name).read_bytes()
    place = len(good) // 2
    for bad in (good[:place] + bytes([good[place] ^ 1]) + good[place + 1 :], good[:place], b""):
        (broken / name).write_bytes(bad)
        for action in (
            lambda: run_training(None, FakeBackend(), broken, resume=True),
            lambda: load_run(broken),
            lambda: export_run(broken, broken.parent / "out"),
            lambda: compare(RunFolder.open(broken), RunFolder.open(whole)),
        ):
            with pytest.raises(CheckpointError, match=rf"{name}: not as it was written"):
                action()
    (broken / name).write_bytes(good)
    run_training(None, FakeBackend(), broken, resume=True)
    same(broken, whole)


def test_reports_are_written_anew(whole: Path) -> None:
    kept = {name: (whole / name).read_bytes() for name in ("after.json", "report.html")}
    for name in kept:
        (whole / name).write_bytes(b"5" + kept[name][1:])
        with pytest.raises(CheckpointError, match=f"{name}.*--resume {whole} writes it anew"):
            load_run(whole)
        (whole / name).write_bytes(kept[name])
    for name in kept:
        (whole / name).write_bytes(b"5" + kept[name][1:])
    run_training(None, FakeBackend(), whole, resume=True)
    assert {name: (whole / name).read_bytes() for name in kept} == kept


def refused(*words: Any) -> str:
    done = CliRunner().invoke(cli, [str(word) for word in words])
    assert isinstance(done.exception, GclError), done.output
    line = str(done.exception)
    assert "\n" not in line
    return line


def test_an_edited_config_is_told_of_with_the_way_to_change_options(broken: Path) -> None:
    path = broken / "config.toml"
    path.write_text(path.read_text().replace("lr = 0.01", "lr = 0.02"))
    for words in (
        ("train", "--resume", broken), ("eval", broken), ("export", broken, broken / "out"),
        ("export", "--onnx", broken, broken / "out"), ("eval", "--against", broken, broken),
    ):  # fmt: skip
        line = refused(*words)
        assert f"{path}: not as it was written" in line
        assert f"gcl train --resume {broken} --set section.key=value" in line
        assert "--allow-unverified" in line
    run_training(None, FakeBackend(), broken, resume=True, allow_unverified=True)
    assert RunFolder.open(broken).config().optim.lr == 0.02
    run_training(None, FakeBackend(), broken, resume=True)  # what was accepted counts from then on


def test_a_report_of_a_run_is_verified_where_it_is_compared_with(broken: Path, whole: Path) -> None:
    path = whole / "before.json"
    path.write_text(path.read_text().replace("0.", "1.", 1))
    assert f"{path}: not as it was written" in refused("eval", broken, "--against", path)


def make_old(folder: Path) -> None:
    """As version 0.1 left it: no checksums anywhere."""
    (folder / "checksums.json").unlink()
    for path in (folder / "checkpoints").iterdir():
        arrays = load_file(path)
        save_file(arrays, path, {"format": "gcl-spec/1"})


def test_a_run_of_an_older_version_goes_on_where_it_is_asked(
    config: Config, broken: Path, whole: Path
) -> None:
    make_old(broken)
    newest = broken / "checkpoints" / "step-00000010.safetensors"
    for words in (
        ("train", "--resume", broken), ("eval", broken), ("export", broken, broken / "out"),
    ):  # fmt: skip
        line = refused(*words)
        assert "checksums.json: missing, so that no file of the run can be verified" in line
        assert "older versions" in line
        assert "--allow-unverified" in line
    for words in (("--init", broken), ("--init", newest)):
        for more in ((), ("--dry-run",)):
            line = refused("train", "--recipe", "lite", "--out", broken / "x", *words, *more)
            assert f"{newest}: cannot be verified: an older version wrote it" in line
    for init in (broken, newest):
        assert weights_of(init, allow_unverified=True)
    run_training(None, FakeBackend(), broken, resume=True, allow_unverified=True)
    same(broken, whole)
    assert RunFolder.open(broken).check() == []
    run_training(None, FakeBackend(), broken, resume=True)


def test_no_earlier_weights_in_place_of_the_newest(
    whole: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """But where a run goes on, which computes the lost steps again."""
    monkeypatch.setattr(registry, "load_training", lambda name: FakeBackend())
    assert load_run(whole).step == 20
    path = whole / "checkpoints" / "step-00000020.safetensors"
    good = path.read_bytes()
    path.write_bytes(good[:-1] + bytes([good[-1] ^ 1]))
    for action in (load_run, weights_of, lambda run: compare(*[RunFolder.open(run)] * 2)):
        with pytest.raises(CheckpointError, match=r"00000020\.safetensors.* --step 15"):
            action(whole)
    assert load_run(whole, step="15").step == 15
    with pytest.warns(RuntimeWarning, match="does not fit; going on from step-00000015"):
        assert load_run(whole, allow_unverified=True).step == 15
    run_training(None, FakeBackend(), whole, resume=True)
    assert path.read_bytes() == good


def test_a_run_that_was_killed_in_a_save_is_no_damage(
    broken: Path, whole: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between vouching for the lines and the checkpoint, and the other way round."""
    save, vouch = checkpoint.save, RunFolder.vouch

    class Killed(BaseException):
        pass

    def dies(*args: Any, **more: Any) -> None:
        raise Killed

    for owner, name in ((checkpoint, "save"), (RunFolder, "vouch")):
        monkeypatch.setattr(owner, name, dies)
        with pytest.raises(Killed):
            run_training(None, FakeBackend(), broken, resume=True)
        monkeypatch.undo()
        assert (checkpoint.save, RunFolder.vouch) == (save, vouch)
        assert RunFolder.open(broken).check(resumes=True) == []
    run_training(None, FakeBackend(), broken, resume=True)
    same(broken, whole)


def test_bad_samples_are_vouched_for(data_folder: Path, tmp_path: Path, config: Config) -> None:
    broken_data = tmp_path / "tiles"
    broken_data.mkdir()
    for file in data_folder.rglob("*"):
        if file.is_file():
            (broken_data / file.relative_to(data_folder)).parent.mkdir(parents=True, exist_ok=True)
            (broken_data / file.relative_to(data_folder)).write_bytes(file.read_bytes())
    for n in (13, 19):  # in no task
        (broken_data / f"{n}.png").write_bytes(b"no picture")
    data = replace(config.data, path=str(broken_data), max_bad=0.2)
    folder = run_training(replace(config, data=data), FakeBackend(), tmp_path / "run").path
    path = folder / "bad_samples.jsonl"
    lines = path.read_text().splitlines(keepends=True)
    assert {json.loads(line)["id"] for line in lines} == {"13", "19"}
    for bad in (lines[1:], lines[:-1], [lines[0].replace('"1', '"4', 1), *lines[1:]], []):
        path.write_text("".join(bad))
        with pytest.raises(CheckpointError, match=rf"{re.escape(str(path))}: not as it was"):
            run_training(None, FakeBackend(), folder, resume=True)
    path.unlink()
    with pytest.raises(CheckpointError, match=r"bad_samples\.jsonl: missing"):
        run_training(None, FakeBackend(), folder, resume=True)


def test_a_checkpoint_of_another_run_is_refused(
    data_folder: Path, whole: Path, tmp_path: Path
) -> None:
    """Each is whole by its own checksum; runs with the same start may differ in one option."""
    newest = f"checkpoints/step-{20:08d}.safetensors"
    for n, option in enumerate(("train.seed=7", "optim.lr=0.02")):
        config = fast(data_folder, tmp_path / "cache", "train.eval_every=5", option)
        other = run_training(config, FakeBackend(), tmp_path / f"other{n}").path
        copy = shutil.copytree(whole, tmp_path / f"copy{n}")
        shutil.copy(other / newest, copy / newest)
        for use in (
            lambda copy=copy: load_run(copy, backend="torch"),
            lambda copy=copy: RunFolder.open(copy).found("20"),
            lambda copy=copy: weights_of(copy),
            lambda copy=copy: run_training(None, FakeBackend(), copy, resume=True),
        ):
            with pytest.raises(CheckpointError, match="a checkpoint of another run than") as raised:
                use()
            assert "\n" not in str(raised.value)
        assert RunFolder.open(copy, allow_unverified=True).found().step == 20
        for file in other.iterdir():  # all but the checkpoints
            if file.is_file():
                shutil.copy(whole / file.name, other / file.name)
        with pytest.raises(CheckpointError, match="a checkpoint of another run than"):
            RunFolder.open(other).found()


def test_the_last_checkpoint_of_a_run_that_has_ended(whole: Path, tmp_path: Path) -> None:
    """No earlier one takes its place without a word; a resumed run makes it again."""
    copy = shutil.copytree(whole, tmp_path / "copy")
    (copy / f"checkpoints/step-{20:08d}.safetensors").unlink()
    with pytest.raises(CheckpointError, match="the run has ended, but its last checkpoint, of st"):
        weights_of(copy)
    assert RunFolder.open(copy).found("15").step == 15
    run_training(None, FakeBackend(), copy, resume=True)
    same(copy, whole)
