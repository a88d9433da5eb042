"""Importing the core is cheap and brings no framework; what is public says so."""

import ast
import subprocess
import sys
from importlib import import_module

import pytest

from repository import REPOSITORY

SOURCES = sorted(
    path
    for folder in ("gcl_spec", "backends", "reference", "cli", "scripts", "benchmarks", "tests")
    for path in (REPOSITORY / folder).rglob("*.py")
)
FRAMEWORKS = ("torch", "jax", "flax", "optax", "transformers", "PIL", "tokenizers", "rich")


@pytest.mark.parametrize(
    "code",
    [
        "import gcl_spec",
        "import gcl_spec.loss",
        "import gcl_spec.train, gcl_spec.run, gcl_spec.evaluate",
        "from gcl_cli.main import main\ntry: main(['--help'])\nexcept SystemExit: pass",
        "from gcl_cli.main import main\ntry: main(['train', '--help'])\nexcept SystemExit: pass",
        "import gcl_cli.bench, gcl_spec.bench.suite, gcl_spec.bench.table",
    ],
)
def test_no_framework_is_imported(code: str) -> None:
    check = f"{code}\nimport sys; print([m for m in {FRAMEWORKS!r} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True)
    assert done.stdout.strip().splitlines()[-1] == "[]"


def test_importing_the_package_alone_does_not_even_bring_numpy() -> None:
    code = "import gcl_spec, sys; print('numpy' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def modules() -> list[str]:
    roots = {"gcl_spec": ".", "gcl_torch": "backends", "gcl_jax": "backends"}
    roots |= {"gcl_reference": "reference", "gcl_cli": "cli"}
    found = []
    for package, folder in roots.items():
        base = REPOSITORY / folder
        for path in (base / package).rglob("*.py"):
            parts = path.relative_to(base).with_suffix("").parts
            found.append(".".join(p for p in parts if p != "__init__"))
    return sorted(m for m in found if not m.endswith("__main__"))


def test_all_names_are_there_and_documented() -> None:
    for name in modules():
        module = import_module(name)
        assert module.__doc__, name
        for public in getattr(module, "__all__", []):
            found = getattr(module, public)
            if callable(found) and getattr(found, "__module__", "").startswith("gcl_"):
                assert found.__doc__, f"{name}.{public}"


def test_files_and_functions_stay_short() -> None:
    for path in SOURCES:
        text = path.read_text()
        assert text.count("\n") <= 300, path
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef) and "tests" not in path.parts:
                body = node.body[1:] if ast.get_docstring(node) else node.body
                lines = (node.end_lineno or 0) - body[0].lineno + 1 if body else 0
                assert lines <= 40, f"{path}: {node.name} has {lines} lines"
