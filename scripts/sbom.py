"""Writes the software bill of materials (CycloneDX 1.6, JSON) of all that the locks install.

python scripts/sbom.py [--out FILE]      (or `make sbom`; default dist/gcl-spec-VERSION.cdx.json)

Every locked package is a component with its version, purl, the SHA-256 of each file that may be
installed, and the licence that the installed package declares; packages of other platforms are not
installed here and have no licence. The scope is "required" for what is needed without extras,
"optional" with an extra of gcl-spec[all], and "excluded" for what only tests and development need.
The same locks and packages give the same bytes, because there is no time in the file and its serial
number comes from its contents.
"""

import argparse
import json
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import replace
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from lock import LOCKS, REPOSITORY, Locked, read

_ROOT = "gcl-spec"


def licences(release: Distribution) -> list[dict[str, Any]]:
    """The licence that a package declares, by the first of four fields that it has.

    They are an SPDX expression, a name, classifiers, and the first line of the licence itself.
    """
    declared = release.metadata
    if expression := declared.get("License-Expression"):
        return [{"expression": expression}]
    name = (declared.get("License") or "").strip()
    if name and name != "UNKNOWN" and "\n" not in name:
        return [{"license": {"name": name}}]
    classes = [c for c in declared.get_all("Classifier") or () if c.startswith("License ::")]
    if classes:
        return [{"license": {"name": c.rpartition(" :: ")[2]}} for c in classes]
    for file in release.files or ():
        if file.name.upper().startswith(("LICENSE", "LICENCE", "COPYING")):
            text = file.read_text() or ""
            return [{"license": {"name": text.strip().partition("\n")[0]}}]
    return []


def purl(package: Locked) -> str:
    """The package URL, which names no index host."""
    return f"pkg:pypi/{package.name}@{package.version}"


def component(package: Locked, scope: str) -> dict[str, Any]:
    """The component of one locked package, with a reference for each file and its hash."""
    files = [{"alg": "SHA-256", "content": digest} for digest in package.hashes]
    built: dict[str, Any] = {
        "type": "library",
        "bom-ref": purl(package),
        "name": package.name,
        "version": package.version,
        "scope": scope,
        "purl": purl(package),
        "externalReferences": [
            {"type": "distribution", "url": purl(package), "hashes": [file]} for file in files
        ],
    }
    if package.marker:
        built["properties"] = [{"name": "python:marker", "value": package.marker}]
    release = installed(package)
    if release is not None and (declared := licences(release)):
        built["licenses"] = declared
    return built


def installed(package: Locked) -> Distribution | None:
    """The package if this version is installed (torch's builds are one version)."""
    try:
        release = distribution(package.name)
    except PackageNotFoundError:
        return None
    return release if release.version.partition("+")[0] == package.version else None


def needs(name: str, extras: Sequence[str] = ()) -> set[str]:
    """The names of what an installed package requires here."""
    wanted = (Requirement(line) for line in distribution(name).requires or ())
    return {
        canonicalize_name(need.name)
        for need in wanted
        # An editable install of this project adds requirements that the product does not have.
        if need.name != "editables"
        and (need.marker is None or any(need.marker.evaluate({"extra": e}) for e in ("", *extras)))
    }


def reached(names: set[str]) -> set[str]:
    """These packages, and all that they need in turn."""
    closure: set[str] = set()
    while names:
        closure |= names
        names = {need for name in names for need in needs(name)} - closure
    return closure


def graph(packages: Sequence[Locked]) -> list[dict[str, Any]]:
    """The dependencies of all packages, as far as they are installed."""
    refs: dict[str, str] = {p.name: purl(p) for p in packages if installed(p) is not None}
    own = needs(_ROOT, ("torch", "jax", "data"))
    lines: Mapping[str, set[str]] = {_ROOT: own} | {refs[name]: needs(name) for name in refs}
    return [
        {"ref": ref, "dependsOn": sorted(refs[name] for name in wanted if name in refs)}
        for ref, wanted in lines.items()
    ]


def document() -> dict[str, Any]:
    """The bill of materials of all locks; builds of torch are files of one version."""
    packages = [p for name in ("dev", "torch-cuda") for p in read(LOCKS / f"{name}.txt")]
    builds = [p for name in ("torch", "torch-cpu") for p in read(LOCKS / f"{name}.txt")]
    packages.append(replace(builds[0], hashes=tuple(h for build in builds for h in build.hashes)))
    packages.sort(key=lambda package: (package.name, package.version))
    required = reached(needs(_ROOT))
    cuda = {package.name for package in read(LOCKS / "torch-cuda.txt")}
    optional = reached(needs(_ROOT, ("torch", "jax", "data"))) | cuda

    def scope(name: str) -> str:
        return "required" if name in required else "optional" if name in optional else "excluded"

    own = distribution(_ROOT)
    root = {"type": "library", "bom-ref": _ROOT, "name": _ROOT, "version": own.version}
    root |= {"purl": f"pkg:pypi/{_ROOT}@{own.version}", "licenses": licences(own)}
    body = {
        "metadata": {"component": root, "lifecycles": [{"phase": "build"}]},
        "components": [component(package, scope(package.name)) for package in packages],
        "dependencies": graph(packages),
    }
    serial = uuid.uuid5(uuid.NAMESPACE_URL, json.dumps(body, sort_keys=True))
    head = {"bomFormat": "CycloneDX", "specVersion": "1.6", "serialNumber": f"urn:uuid:{serial}"}
    return head | {"version": 1} | body


def main() -> None:
    """Writes the file and says how many packages are in it."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    default = REPOSITORY / "dist" / f"{_ROOT}-{distribution(_ROOT).version}.cdx.json"
    parser.add_argument("--out", type=Path, default=default, metavar="FILE")
    out = parser.parse_args().out
    try:
        bill = document()
    except PackageNotFoundError as error:
        raise SystemExit(f"{error}; install everything first: scripts/install.sh BIN dev") from None
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps(bill, indent=1) + "\n")
    bare = sum("licenses" not in part for part in bill["components"])
    print(f"{out}: {len(bill['components'])} packages, {bare} of them of other platforms or builds")


if __name__ == "__main__":
    main()
