"""The wheel from another folder: only our names, all data files, and it works."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from repository import REPOSITORY

PACKAGES = {"gcl_spec", "gcl_torch", "gcl_jax", "gcl_reference", "gcl_cli"}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(out)]
    subprocess.run(command, cwd=REPOSITORY, check=True, capture_output=True)
    return next(out.glob("*.whl"))


def test_only_our_names_are_installed(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    tops = {name.partition("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == PACKAGES
    for package in PACKAGES:
        assert f"{package}/py.typed" in names
    for file in (
        "data/starter/starter.zip",
        "data/starter/manifest.json",
        "config/recipes/lite.toml",
        "report/report.css",
    ):
        assert f"gcl_spec/{file}" in names
    assert not [name for name in names if Path(name).name.startswith(("test_", "conftest"))]


def test_it_works_from_another_folder(wheel: Path, tmp_path: Path) -> None:
    site = tmp_path / "site"
    zipfile.ZipFile(wheel).extractall(site)
    code = (
        "import gcl_spec, numpy as np; from gcl_spec import registry;"
        "from gcl_spec.config import toml;"
        f"assert gcl_spec.__file__.startswith({str(site)!r}), gcl_spec.__file__;"
        "from gcl_spec.data.starter import starter_path; starter_path();"
        "assert 'lite' in toml.recipe_names();"
        "print(gcl_spec.gcl_loss(np.eye(4), np.eye(4), log_scale=0.0).round(6))"
    )
    environment = {**os.environ, "PYTHONPATH": str(site)}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True
    )
    assert done.stdout.strip() == "1.669764", done.stderr


@pytest.mark.parametrize("name", ["cli", "backends", "reference", "tests", "scripts"])
def test_folders_are_no_packages(name: str, tmp_path: Path) -> None:
    code = f"import importlib.util as u; assert u.find_spec({name!r}) is None"
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True)
