"""`gcl verify-backends` with what goes wrong in backends, files and hands."""

import json
import signal
import subprocess
import time
from pathlib import Path
from xml.etree import ElementTree

import pytest

BACKENDS = """
import time
from pathlib import Path
from gcl_reference.backend import ReferenceBackend

class Exits(ReferenceBackend):
    name = "exits"
    def loss_and_grads(self, z, log_scale, **options):
        if z.shape[1] == 6:
            raise SystemExit(0)
        return super().loss_and_grads(z, log_scale, **options)

class Garbled(ReferenceBackend):
    name = "gar\\x01bled"
    def loss_and_grads(self, z, log_scale, **options):
        raise RuntimeError("no \\ud800 room\\n[red]here")

class Lenient(ReferenceBackend):
    name = "lenient"
    def loss_and_grads(self, z, log_scale, **options):
        if not z.any(axis=-1).all():
            z = z + 1e-6
        return super().loss_and_grads(z, log_scale, **options)

class Nowhere(ReferenceBackend):
    def devices(self):
        return ()

class Slow(ReferenceBackend):
    name = "slow"
    calls = 0
    def loss_and_grads(self, z, log_scale, **options):
        Slow.calls += 1
        if Slow.calls > 12:
            Path("busy").touch()
            time.sleep(0.5)
        return super().loss_and_grads(z, log_scale, **options)
"""

ONE_DTYPE = ("--dtype", "float32")


@pytest.fixture
def verify(gcl, tmp_path: Path):
    (tmp_path / "b.py").write_text(BACKENDS)

    def call(name: str, *args: object) -> subprocess.CompletedProcess[str]:
        return gcl("verify-backends", "--backend", f"b:{name}", *args)

    return call


def test_an_exit_is_a_finding(verify) -> None:
    done = verify("Exits", *ONE_DTYPE)
    assert done.returncode == 3, done.stderr
    assert "raises SystemExit: 0" in " ".join(done.stdout.split())


def test_garbled_names_and_messages(verify, tmp_path: Path) -> None:
    done = verify("Garbled", *ONE_DTYPE, "--json", "v.json", "--junit", "v.xml")
    assert done.returncode == 3, done.stderr
    assert (
        "RuntimeError: no   room [red]here"
        in json.loads((tmp_path / "v.json").read_text())["results"][0]["note"]
    )
    failures = ElementTree.parse(tmp_path / "v.xml").findall(".//failure")
    assert len(failures) > 50


def test_degenerate_input_must_raise(verify, tmp_path: Path) -> None:
    done = verify("Lenient", "--dtype", "float64", "--json", "v.json")
    assert done.returncode == 3, done.stderr
    results = json.loads((tmp_path / "v.json").read_text())["results"]
    wrong = {one["case"] for one in results if not one["agrees"]}
    assert wrong == {"must raise: zero row"}
    assert sum(one["case"].startswith("must raise") for one in results) == 8
    assert "zero row gives the loss" in " ".join(done.stdout.split())
    assert not (tmp_path / "gcl-failures").exists()


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["Nowhere"], "devices() of backend 'reference' names none"),
        (["Exits", "--backend", "b:Exits", "--backend", "reference", "--backend", "b:Nowhere"],
         "2 backends have the name 'reference'; verify them one by one"),
        (["Exits", "--json", "b.py/v.json"], "cannot write b.py/v.json: Not a directory"),
        (["Exits", "--junit", "b.py/v.xml"], "cannot write b.py/v.xml: Not a directory"),
        *((["Exits", "--self-test", *option], "--self-test has no --dtype, --processes, --json")
          for option in (["--json", "v.json"], ["--matrix"], ["--processes", "2"], ONE_DTYPE)),
    ],
)  # fmt: skip
def test_what_is_known_before_the_work(verify, args: list[str], message: str) -> None:
    done = verify(*args)
    assert done.returncode == 2, done.stdout + done.stderr
    assert message in done.stderr
    assert done.stdout == ""
    assert "Traceback" not in done.stderr


def test_a_backend_that_is_nearly_known(gcl) -> None:
    done = gcl("verify-backends", "--backend", "torhc")
    assert done.returncode == 4
    assert "no backend 'torhc'; did you mean torch?" in done.stderr


def test_a_thorough_finding_is_run_again_thoroughly(verify, tmp_path: Path) -> None:
    few = ["--draws", 0, *ONE_DTYPE, "--processes", 1]
    done = verify("Exits", "--thorough", *few)
    assert done.returncode == 3, done.stderr
    command = done.stdout.strip().splitlines()[-1]
    options = "--thorough --dtype float32 --processes 1 --case gcl-failures/exits-cpu-float32-"
    assert command.startswith(f"gcl verify-backends --backend b:Exits {options}")


@pytest.mark.parametrize("background", [False, True])
def test_a_signal_leaves_what_there_is(start, verify, tmp_path: Path, background: bool) -> None:
    """Ctrl-C; or SIGTERM to what was started with SIGINT ignored, as in the background."""
    if background:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
    command = "verify-backends --backend b:Slow --json v.json --junit v.xml --jobs 2"
    child = start(*command.split())
    while not (tmp_path / "busy").exists():
        assert child.poll() is None
        time.sleep(0.02)
    child.send_signal(signal.SIGTERM if background else signal.SIGINT)
    out, said = child.communicate(timeout=240)
    assert child.returncode == 130, said
    assert said.strip() == "error: interrupted"
    assert "slow" in out
    found = json.loads((tmp_path / "v.json").read_text())
    assert found["interrupted"] is True
    assert found["agrees"] is True
    assert 3 <= len(found["results"]) <= 60
    assert ElementTree.parse(tmp_path / "v.xml").getroot().get("failures") == "0"
