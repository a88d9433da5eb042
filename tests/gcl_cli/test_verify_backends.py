"""`gcl verify-backends` as a user runs it."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

from gcl_spec.conformance.cases.file import write_case
from gcl_spec.conformance.cases.fixed import quick_cases
from gcl_spec.conformance.compiling import quick_flags

WRONG = """
from gcl_reference.backend import ReferenceBackend

class Wrong(ReferenceBackend):
    name = "wrong"

    def loss_and_grads(self, z, log_scale, **options):
        found = super().loss_and_grads(z, log_scale, **options)
        return found._replace(grads=found.grads * (1.001 if z.shape[1] > 2 else 1.0))
"""

FLAGS = """
import os
from pathlib import Path
from gcl_reference.backend import ReferenceBackend

class Flags(ReferenceBackend):
    name = "flags"

    def loss_and_grads(self, z, log_scale, **options):
        Path("seen").write_text(repr(os.environ.get("XLA_FLAGS")))
        return super().loss_and_grads(z, log_scale, **options)
"""


def test_a_right_backend_in_every_format(gcl, tmp_path: Path) -> None:
    done = gcl(
        "verify-backends", "--backend", "torch", "--matrix", "--json", "v.json", "--junit", "v.xml"
    )
    assert done.returncode == 0, done.stderr
    assert max(map(len, done.stdout.splitlines())) <= 80
    assert re.search(r"^\d+\.\d s$", done.stdout, re.MULTILINE)
    found = json.loads((tmp_path / "v.json").read_text())
    assert found["agrees"] is True
    assert found["seconds"] > 0
    quantities = {"loss", "grads", "dlog_scale", "dbias", "Recall@K"}
    assert {row["quantity"] for row in found["rows"]} == quantities
    assert all(row["disagree"] == 0 for row in found["rows"])
    assert all(row["cases"] >= 20 for row in found["rows"] if row["quantity"] != "dbias")
    masks = {"none", "present", "ids", "both", "left out"}
    assert {row["masks"] for row in found["matrix"]} == masks
    for one in found["results"]:
        assert one["headroom"] is None or one["headroom"] >= 1
        assert one["ulp"] is None or one["ulp"] >= 0
    root = ElementTree.parse(tmp_path / "v.xml").getroot()
    assert len(root.findall("./testsuite/testcase")) == len(found["results"])
    assert root.get("failures") == "0"
    assert not (tmp_path / "gcl-failures").exists()


def test_a_wrong_backend_leaves_small_cases_that_fail_again(gcl, tmp_path: Path) -> None:
    (tmp_path / "wrong.py").write_text(WRONG)
    done = gcl("verify-backends", "--backend", "wrong:Wrong", "--junit", "v.xml")
    assert done.returncode == 3, done.stderr
    assert max(map(len, done.stdout.splitlines()[:15])) <= 80
    failures = ElementTree.parse(tmp_path / "v.xml").findall(".//failure")
    assert len(failures) > 20
    assert all("grads is off by" in failure.get("message", "") for failure in failures)
    commands = re.findall(
        r"^gcl (verify-backends .* --case (\S+\.npz))$", done.stdout, re.MULTILINE
    )
    assert len(commands) == 2, "one a dtype"
    for command, path in commands:
        assert (tmp_path / path).stat().st_size < 4000
        again = gcl(*command.split())
        assert again.returncode == 3, again.stdout
        assert "shrunk" in again.stdout
    assert gcl("verify-backends", "--backend", "torch", "--case", path).returncode == 0


def test_thorough_adds_drawn_cases(gcl, tmp_path: Path) -> None:
    few = ["--draws", 5, "--dtype", "float64", "--processes", 1]
    done = gcl("verify-backends", "--backend", "torch", "--thorough", *few, "--json", "v.json")
    assert done.returncode == 0, done.stdout
    names = {one["case"] for one in json.loads((tmp_path / "v.json").read_text())["results"]}
    assert {f"drawn 0.{i}" for i in range(5)} < names
    assert len(names) > 60


@pytest.mark.parametrize(
    ("options", "own", "want"),
    [
        ([], None, quick_flags()),
        ([], "", ""),
        ([], "--xla_dump_hlo_as_text", "--xla_dump_hlo_as_text"),
        (["--thorough"], None, None),
    ],
)
def test_jax_compiles_quickly_unless_it_is_thorough(
    tmp_path: Path, options: list[str], own: str | None, want: str | None
) -> None:
    """A backend sees the flags that JAX would see."""
    (tmp_path / "flags.py").write_text(FLAGS)
    write_case(tmp_path / "small.npz", quick_cases()[0])
    env = {name: x for name, x in os.environ.items() if name != "XLA_FLAGS"}
    env |= {} if own is None else {"XLA_FLAGS": own}
    command = ["verify-backends", "--backend", "flags:Flags", "--case", "small.npz", *options]
    done = subprocess.run(
        [sys.executable, "-m", "gcl_cli", *command, "--dtype", "float64", "--processes", "1"],
        cwd=tmp_path,
        env=env,
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "seen").read_text() == repr(want)


def test_self_test(gcl, tmp_path: Path) -> None:
    """With one case alone, most bugs go unnoticed; CI runs it with all (`.ci/run`)."""
    small = tmp_path / "small.npz"
    write_case(small, quick_cases()[0])
    blind = gcl("verify-backends", "--self-test", "--case", small)
    assert blind.returncode == 3
    assert "not noticed: wrong for B = 1 only" in blind.stdout
    found, of = re.search(r"(\d+) of (\d+) known bugs noticed", blind.stdout).groups()
    assert 0 < int(found) < int(of)
    assert int(of) >= 135


def test_a_missing_backend(gcl) -> None:
    missing = gcl("verify-backends", "--backend", "torch", "--backend", "tensorflow")
    assert missing.returncode == 4
    assert "no backend 'tensorflow'" in missing.stderr
