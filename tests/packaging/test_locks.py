"""What is installed: locked versions with hashes, all of them, and nothing else."""

import os
import re
import subprocess
import tomllib
from importlib.metadata import distribution
from pathlib import Path

import pytest
from packaging.markers import Marker
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import lock
from repository import REPOSITORY

LOCKS = ("dev", "train", "torch", "torch-cuda", "torch-cpu")
PROJECT = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]


def of(name: str) -> dict[tuple[str, str], lock.Locked]:
    return {(p.name, p.version): p for p in lock.read(REPOSITORY / "locks" / f"{name}.txt")}


@pytest.mark.parametrize("name", LOCKS)
def test_every_package_has_hashes_and_names_no_place(name: str) -> None:
    packages = of(name)
    assert packages
    for package in packages.values():
        assert package.hashes, package.name
        assert all(re.fullmatch("[0-9a-f]{64}", digest) for digest in package.hashes), package.name
    _, *lines = (REPOSITORY / "locks" / f"{name}.txt").read_text().splitlines()
    assert not [line for line in lines if re.search(r"[/@\\]\S|--(?!hash=sha256:)", line)]


def test_locks_and_constraints_are_one() -> None:
    found = {**of("dev"), **of("torch"), **of("torch-cuda")}
    pinned = {(p.name, p.version): p.marker for p in lock.read(REPOSITORY / "constraints.txt")}
    assert pinned == {key: package.marker for key, package in found.items()}
    for key, package in of("train").items():
        assert set(package.hashes) == set(found[key].hashes), package.name


def applies(marker: Marker | None, extras: set[str]) -> bool:
    return marker is None or any(marker.evaluate({"extra": e}) for e in ("", *extras))


@pytest.mark.parametrize(("name", "extras"), lock.EXTRAS.items())
def test_nothing_is_missing(name: str, extras: tuple[str, ...]) -> None:
    """All that the project needs, and what that needs in turn; else run `make lock`."""
    packages = {**of(name), **of("torch")}.values()
    here = {p.name: p.version for p in packages if not p.marker or Marker(p.marker).evaluate()}
    lines = [*PROJECT["dependencies"], *lock.BUILD]
    lines += [line for extra in extras for line in PROJECT["optional-dependencies"][extra]]
    todo, seen = [Requirement(line) for line in lines], set[str]()
    while todo:
        need = todo.pop()
        found = canonicalize_name(need.name)
        if str(need) in seen:
            continue
        seen.add(str(need))
        if found != "gcl-spec":
            assert found in here, f"locks/{name}.txt has not {need}"
            assert need.specifier.contains(here[found], prereleases=True), f"{name}: {need}"
        for line in distribution(found).requires or ():
            inner = Requirement(line)
            if applies(inner.marker, need.extras):
                inner.marker = None
                todo.append(inner)
    assert len(seen) > 40


def test_make_and_ci_install_by_the_script_alone() -> None:
    for file in ("Makefile", ".ci/run"):
        text = (REPOSITORY / file).read_text()
        assert "scripts/install.sh" in text
        assert "pip install" not in text


@pytest.mark.parametrize("given", ["", "torch==2.13.0+cpu --pre"])
@pytest.mark.parametrize("has_cpu_build", [True, False])
def test_the_script_installs_by_hash(tmp_path: Path, has_cpu_build: bool, given: str) -> None:
    """A python that only writes down what it is called with, and may find no torch for CPUs."""
    log, fake = tmp_path / "log", tmp_path / "python"
    refuses = f"case $* in *torch-cpu.txt) exit {int(not has_cpu_build)};; esac"
    fake.write_text(f'#!/bin/sh\necho "$@" >> {log}\n{refuses}\n')
    fake.chmod(0o755)
    script, environment = REPOSITORY / "scripts" / "install.sh", {**os.environ, "TORCH": given}
    subprocess.run(["bash", script, tmp_path, "train"], check=True, env=environment)
    *files, own, check = log.read_text().splitlines()
    options = "-m pip install --quiet --disable-pip-version-check --no-deps"
    names = ["torch-cpu", *(() if has_cpu_build else ("torch", "torch-cuda")), "train"]
    wanted = [f"{options} --require-hashes -r locks/{name}.txt" for name in names]
    assert files == ([f"{options} {given}", wanted[-1]] if given else wanted)
    assert own == f"{options} --no-build-isolation -e ."
    assert check.startswith("-m pip check")


def test_a_lock_is_read_as_it_was_written(tmp_path: Path) -> None:
    packages = [lock.Locked("a-b", "1.0", "python_version < '3.12'", ("0" * 64, "1" * 64))]
    packages += [lock.Locked("c", "2.0+cpu", "", ("2" * 64,))]
    lock.write(tmp_path / "l.txt", "All.", packages)
    assert lock.read(tmp_path / "l.txt") == packages
    (tmp_path / "l.txt").write_text("a>=1.0\n")
    with pytest.raises(SystemExit, match=r"not NAME==VERSION: 'a>=1.0'"):
        lock.read(tmp_path / "l.txt")


def test_builds_for_cpus_stay_until_the_version_changes(tmp_path: Path) -> None:
    """They are files that the index does not have, or pip would take the index's."""
    (torch,), known = of("torch").values(), of("torch-cpu").values()
    assert not {h for build in known for h in build.hashes} & set(torch.hashes)
    wheel = tmp_path / f"torch-{torch.version}+cpu-cp399-cp399-any.whl"
    wheel.write_bytes(b"a build")
    (build,) = lock.cpu_builds(torch.version, [wheel])
    assert build.version == f"{torch.version}+cpu"
    assert len(build.hashes) == sum(len(other.hashes) for other in known) + 1
    assert lock.cpu_builds("99.0", [wheel]) == []
