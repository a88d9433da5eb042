"""Writes constraints.txt and locks/*.txt, which say what is installed and from which files.

python scripts/lock.py [--wheel FILE ...]      (or `make lock`)

Run it after a change of the dependencies in pyproject.toml, or of a version in constraints.txt.
constraints.txt keeps its versions and gets those of packages that are new; a package whose line is
taken out gets the newest version. The locks come from it, with the SHA-256 of every file that the
package index has of a version, so that a lock holds for every platform and Python:

locks/train.txt       what `make train` needs, locks/dev.txt what tests need; without torch
locks/torch.txt       torch, which has several builds of one version: those that the index has
locks/torch-cuda.txt  the gigabytes of libraries that the index's builds for Linux need
locks/torch-cpu.txt   builds for CPUs, which the index does not have and which need nothing more

--wheel FILE adds a build to locks/torch-cpu.txt; the others stay until the version changes. They
are apart, and tried first, because pip would rather take a file whose hash the index tells.
`scripts/install.sh` installs from the locks.
"""

import argparse
import hashlib
import re
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

REPOSITORY = Path(__file__).parents[1]
LOCKS = REPOSITORY / "locks"
CONSTRAINTS = REPOSITORY / "constraints.txt"
# This builds an editable install of the project, beside its build backend.
BUILD = ("hatchling>=1.27", "editables")
EXTRAS = {"dev": ("dev",), "train": ("torch", "data", "serve")}
_CUDA = re.compile(r"nvidia-|cuda-|triton$")
_LINE = re.compile(r"([a-z0-9-]+)==([^\s;]+)(?: ; (.*))?")


@dataclass(frozen=True, slots=True)
class Locked:
    """One version of a package; the marker says where it applies, "" for everywhere."""

    name: str
    version: str
    marker: str = ""
    hashes: tuple[str, ...] = ()

    @property
    def requirement(self) -> str:
        """The requirement as pip reads it, without hashes."""
        return f"{self.name}=={self.version}" + (f" ; {self.marker}" if self.marker else "")


def read(path: Path) -> list[Locked]:
    """The packages of a lock, or of constraints.txt."""
    packages = []
    text = path.read_text().replace("\\\n", " ")
    for line in text.splitlines():
        requirement, *hashes = re.split(r"\s+--hash=sha256:", line.partition("#")[0].strip())
        if requirement:
            match = _LINE.fullmatch(requirement.strip())
            if match is None:
                raise SystemExit(f"{path}: not NAME==VERSION: {requirement!r}")
            packages.append(Locked(match[1], match[2], match[3] or "", tuple(hashes)))
    return packages


def write(path: Path, what: str, packages: Iterable[Locked]) -> None:
    """Write a lock, or constraints.txt where there are no hashes."""
    head = f"# {what} Written by scripts/lock.py: see there."
    lines = [head, *(" \\\n    --hash=sha256:".join([p.requirement, *p.hashes]) for p in packages)]
    path.write_text("\n".join(lines) + "\n")


def resolve(extras: Sequence[str], constraints: Path, scratch: Path) -> list[Locked]:
    """Every package that these extras need on any platform, by uv."""
    (scratch / "build.in").write_text("\n".join(BUILD))
    command = [
        sys.executable,
        "-m",
        "uv",
        "pip",
        "compile",
        "--quiet",
        "--no-config",
        "--universal",
    ]
    command += ["--python-version", "3.11", "--generate-hashes", "--no-header", "--no-annotate"]
    command += ["-c", str(constraints), "-o", str(scratch / "out.txt")]
    command += [part for extra in extras for part in ("--extra", extra)]
    command += [str(REPOSITORY / "pyproject.toml"), str(scratch / "build.in")]
    (scratch / "out.txt").unlink(missing_ok=True)
    if subprocess.run(command).returncode != 0:
        raise SystemExit("uv found no versions that fit together; see above")
    return read(scratch / "out.txt")


def parts(packages: Sequence[Locked]) -> Mapping[str, list[Locked]]:
    """The packages in three parts: torch, what its CUDA build needs, and the rest."""
    groups: dict[str, list[Locked]] = {"torch": [], "cuda": [], "rest": []}
    for package in packages:
        torch = package.name == "torch"
        cuda = _CUDA.match(package.name)
        groups["torch" if torch else "cuda" if cuda else "rest"].append(package)
    return groups


def cpu_builds(version: str, wheels: Iterable[Path]) -> list[Locked]:
    """The builds for CPUs of a version of torch, from the old lock and from wheels."""
    old = LOCKS / "torch-cpu.txt"
    builds: dict[str, set[str]] = {}
    for package in read(old) if old.exists() else ():
        builds.setdefault(package.version, set()).update(package.hashes)
    for wheel in wheels:
        digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
        builds.setdefault(wheel.name.split("-")[1], set()).add(digest)
    return [
        Locked("torch", build, "", tuple(sorted(hashes)))
        for build, hashes in builds.items()
        if build.partition("+")[0] == version
    ]


def main() -> None:
    """Writes constraints.txt and the four locks."""
    from tempfile import TemporaryDirectory

    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--wheel", type=Path, action="append", default=[], metavar="FILE")
    wheels = parser.parse_args().wheel
    with TemporaryDirectory() as folder:
        scratch = Path(folder)
        everything = resolve(EXTRAS["dev"], CONSTRAINTS, scratch)
        versions = [replace(package, hashes=()) for package in everything]
        write(scratch / "versions.txt", "", versions)
        train = resolve(EXTRAS["train"], scratch / "versions.txt", scratch)
    split = parts(everything)
    cpu = cpu_builds(split["torch"][0].version, wheels)
    write(CONSTRAINTS, "The version of every package that is installed.", versions)
    LOCKS.mkdir(exist_ok=True)
    write(LOCKS / "dev.txt", "What tests need, without torch.", split["rest"])
    write(LOCKS / "train.txt", "What `make train` needs, without torch.", parts(train)["rest"])
    write(LOCKS / "torch.txt", "torch, every build that the index has.", split["torch"])
    write(LOCKS / "torch-cpu.txt", "torch, builds for CPUs.", cpu)
    write(LOCKS / "torch-cuda.txt", "What torch's build for CUDA needs.", split["cuda"])


if __name__ == "__main__":
    main()
