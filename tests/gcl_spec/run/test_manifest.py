"""Every byte of a run folder is vouched for, and stays so when a process is killed."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import pytest

from gcl_spec.config.options import Config
from gcl_spec.errors import CheckpointError
from gcl_spec.evaluate.evaluation import Report
from gcl_spec.run import manifest
from gcl_spec.run.folder import RunFolder

ENDS = ("after.json", "report.html", "small.json", "sweep.json")
BAD = '{"id": "a", "place": "row 1", "reason": "no picture", "step": 0}\n'


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    """With two lines that are vouched for, and one that is not."""
    state = {"step": np.asarray(0), "params/w": np.zeros(2, np.float32)}
    made = RunFolder.create(tmp_path / "run", Config(), state, Report((), {}), [])
    made.write("data.json", '{"samples": 3}')
    made.write("after.json", '{"results": []}')
    made.write("report.html", "<p>after</p>")
    made.write("small.json", "{}")
    made.write("sweep.json", "{}")
    (made.path / "bad_samples.jsonl").write_text(BAD)
    for step in (1, 2):
        made.append_metrics({"step": step, "loss": 0.5, "samples_per_s": 10.5})
    made.vouch()
    made.append_metrics({"step": 3})
    return made


def files_of(run: RunFolder) -> list[Path]:
    return sorted(path for path in run.path.iterdir() if path.is_file())


def refused(run: RunFolder, path: Path) -> None:
    with pytest.raises(CheckpointError, match=re.escape(str(path))) as raised:
        run.check()
    assert "--allow-unverified" in str(raised.value)
    assert "\n" not in str(raised.value)


def test_no_flip_and_no_cut_goes_unnoticed(run: RunFolder) -> None:
    assert len(files_of(run)) == 13
    assert run.check() == []
    for path in files_of(run):
        good = path.read_bytes()
        vouched = good[: good.rindex(b'{"step": 3}')] if path.name == "metrics.jsonl" else good
        for n in range(0, len(vouched), 5):
            path.write_bytes(good[:n] + bytes([good[n] ^ (1 << n % 8)]) + good[n + 1 :])
            refused(run, path)
            path.write_bytes(good[:n])
            refused(run, path)
        path.write_bytes(good)
    assert run.check() == []


def test_no_line_is_lost_without_a_word(run: RunFolder) -> None:
    for path in files_of(run):
        lines = path.read_bytes().splitlines(keepends=True)
        for n in range(len(lines) - (path.name == "metrics.jsonl")):
            path.write_bytes(b"".join(lines[:n] + lines[n + 1 :]))
            refused(run, path)
        path.write_bytes(b"".join(lines))


@pytest.mark.parametrize(
    ("name", "way_out"),
    [
        ("config.toml", "restore it, and change options with gcl train --resume {} --set section."),
        ("before.json", "restore it, or accept what stands there"),
        ("after.json", "gcl train --resume {} writes it anew"),
        ("report.html", "gcl train --resume {} writes it anew"),
        ("small.json", "remove it, and gcl eval {} --quantise all writes it anew"),
        ("sweep.json", "remove it, and gcl eval {} --sweep writes it anew"),
        ("checksums.json", "restore it, or accept what stands there"),
    ],
)
def test_the_way_out_is_named(run: RunFolder, name: str, way_out: str) -> None:
    path = run.path / name
    path.write_text(path.read_text() + " ")
    with pytest.raises(CheckpointError) as raised:
        run.check()
    said = f"{path}: not as it was written: edited, cut or damaged; {way_out.format(run.path)}"
    assert str(raised.value).startswith(said)
    derived = name in ENDS
    if derived:
        assert run.check(resumes=True) == []
    allowed = RunFolder(run.path, allow_unverified=True)
    assert allowed.check() == [f"{said.partition(';')[0]}; taken as it stands"]


def test_what_is_missing(run: RunFolder) -> None:
    """Whoever only loads the run does not need it; a run that goes on does."""
    for path in files_of(run):
        content = path.read_bytes()
        path.unlink()
        if path.name == "checksums.json":
            refused(run, path)
        else:
            assert run.check() == []
            if path.name in ENDS:
                assert run.check(resumes=True) == []
            else:
                with pytest.raises(CheckpointError, match=rf"{re.escape(str(path))}: missing"):
                    run.check(resumes=True)
        path.write_bytes(content)
    (run.path / "wandb-id").write_text("mine")
    with pytest.raises(CheckpointError, match="wandb-id: has no checksum"):
        run.check()


class Killed(BaseException):
    """Instead of SIGKILL."""


def dies_at(monkeypatch: pytest.MonkeyPatch, moment: int) -> None:
    """Before or after a file gets its content."""
    write, count = manifest.atomic_write, 0

    @contextmanager
    def counted(path: Path, **more: Any) -> Iterator[BinaryIO]:
        nonlocal count
        count += 1
        if count == moment:
            raise Killed
        with write(path, **more) as file:
            yield file
        count += 1
        if count == moment:
            raise Killed

    monkeypatch.setattr(manifest, "atomic_write", counted)


@pytest.mark.parametrize("name", ["config.toml", "metrics.jsonl", "data.json", "wandb-id"])
def test_a_kill_between_a_file_and_its_checksum_is_no_damage(
    run: RunFolder, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """It is the old one or the new one, and both are right; nothing else is."""
    path, moment, seen = run.path / name, 1, set()
    while True:
        old = path.read_bytes() if path.exists() else None
        dies_at(monkeypatch, moment)
        try:
            run.write(name, f"new {moment}\n")
        except Killed:
            monkeypatch.undo()
        else:
            break
        assert run.check() == run.check(resumes=True) == []
        now = path.read_bytes() if path.exists() else None
        assert now in (old, f"new {moment}\n".encode())
        seen.add(now == old)
        if now is not None:
            path.write_bytes(b"X" + now[1:])
            refused(run, path)
            path.write_bytes(now)
        moment += 1
    assert moment == 7, "three files, before and after each"
    assert seen == {True, False}


def test_a_log_that_was_changed_is_not_vouched_for_anew(run: RunFolder) -> None:
    path = run.path / "metrics.jsonl"
    good = path.read_text()
    path.write_text(good.replace("0.5", "0.6", 1))
    run.append_metrics({"step": 4})
    run.vouch()
    refused(run, path)
    path.write_text(good)
    assert run.check() == []
    run.vouch()
    path.write_text(good.replace('"step": 3', '"step": 4'))
    refused(run, path)


def test_lines_after_what_is_vouched_for_are_not_read(run: RunFolder) -> None:
    """A crash may have cut them, and a resumed run writes them again."""
    assert manifest.lines(run.path, "metrics.jsonl").count(b"\n") == 2
    with (run.path / "metrics.jsonl").open("a") as file:
        file.write('{"step": 4, "lo')
    run.vouch()
    assert manifest.lines(run.path, "metrics.jsonl").count(b"\n") == 3
    assert run.check() == []


def test_a_process_that_trains_meanwhile_is_no_damage(
    run: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It replaces a file after its checksum was read."""
    read, done = manifest._read, []

    def late(folder: Path) -> Any:
        found = read(folder)
        if not done:
            done.append(True)
            run.write("after.json", "newer")
        return found

    monkeypatch.setattr(manifest, "_read", late)
    assert run.check() == []
    assert done


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"files": 3}', '{"files": {}}', "[" * 9999])
def test_checksums_that_are_none_are_refused(run: RunFolder, content: str) -> None:
    (run.path / "checksums.json").write_text(content)
    refused(run, run.path / "checksums.json")
    with pytest.raises(CheckpointError, match=r"checksums\.json: not as it was written"):
        run.write("after.json", "new")


def test_checksums_can_be_checked_by_hand(run: RunFolder) -> None:
    import hashlib

    files = json.loads((run.path / "checksums.json").read_text())["files"]
    for name, (state,) in files.items():
        content = (run.path / name).read_bytes()[: state["size"]]
        assert hashlib.sha256(content).hexdigest() == state["sha256"]
