"""What `gcl` says where its output, its input or its files give up."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from gcl_cli import main as cli
from repository import HELPERS
from tiles_on_disk import write_data

ADVICE = "check its rights and the disk, try again"
GCL = [sys.executable, "-m", "gcl_cli"]


def test_a_reader_that_has_gone_needs_no_word() -> None:
    with subprocess.Popen(
        [*GCL, "train", "--list-options"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as child:
        assert child.stdout is not None
        assert child.stderr is not None
        child.stdout.close()
        said = child.stderr.read()
    assert (child.returncode, said) == (1, b"")


@pytest.mark.parametrize("command", [["--version"], ["train", "--list-options"], ["--help"]])
def test_a_full_disk_for_the_output_is_one_line(command: list[str]) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [*GCL, *command], stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )
    assert done.returncode == 2
    assert done.stderr == f"error: No space left on device; {ADVICE}\n"


@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&-", ">&- 2>&- <&-"])
def test_closed_streams_are_no_error(closed: str) -> None:
    line = f'"$0" -m gcl_cli train --list-options {closed}'
    done = subprocess.run(["sh", "-c", line, sys.executable], capture_output=True, check=False)
    assert done.returncode == 0
    assert done.stderr == b""


@pytest.mark.parametrize("streams", ["2>&-", "2>/dev/full", ">&- 2>&- <&-"])
def test_training_needs_no_stream(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, streams: str
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(HELPERS), prepend=os.pathsep)
    monkeypatch.chdir(tmp_path)
    values = [
        f"data.path={write_data(tmp_path / 'tiles')}", "data.cache=cache", "train.steps=2",
        "model.width=4", "model.image_size=32", "train.batch_size=6",
    ]  # fmt: skip
    sets = " ".join(f"--set {value}" for value in values)
    line = f'"$0" -m gcl_cli train --backend fake:FakeBackend {sets} --out run {streams}'
    done = subprocess.run(["sh", "-c", line, sys.executable], capture_output=True, check=False)
    assert done.returncode == 0
    assert (tmp_path / "run" / "report.html").exists()


def test_what_no_command_foresees_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fails(*args: object, **more: object) -> None:
        raise PermissionError(13, "Permission denied", "/somewhere")

    monkeypatch.setattr(cli.cli, "main", fails)
    with pytest.raises(SystemExit) as ended:
        cli.main(["train"])
    assert ended.value.code == 2
    said = capsys.readouterr().err
    assert said == f"error: /somewhere: Permission denied; {ADVICE}\n"
