"""Every module of the core has a test file of its name, so that its tests are found at once."""

from pathlib import Path

from repository import REPOSITORY

WITHOUT = {
    "gcl_spec/_typing.py": "names of types: mypy holds it",
    "gcl_spec/backend.py": "protocols and tuples: the backends' tests and mypy hold them",
    "gcl_spec/data/formats/read_vectors.py": "test_vectors.py reads by it what it opens",
    "gcl_spec/loss/tiled/pull_back.py": "test_tile_softmax.py differentiates through it",
    "gcl_spec/recall/protocol.py": "a protocol: conformance/test_rankings.py and mypy hold it",
}
"""Modules without a file, at most ten, with the reason."""

MODULES = sorted(
    str(path.relative_to(REPOSITORY))
    for path in (REPOSITORY / "gcl_spec").rglob("*.py")
    if path.stem != "__init__"
)


def file_of(module: str) -> Path:
    """tests/gcl_spec/FOLDER/test_MODULE.py; the underscore of a private module is left out."""
    path = Path(module)
    return REPOSITORY / "tests" / path.parent / f"test_{path.stem.lstrip('_')}.py"


def test_every_module_has_a_file_of_its_name() -> None:
    missing = [module for module in MODULES if module not in WITHOUT and not has_tests(module)]
    assert not missing, "no test file of their name, or none with a test"
    listed = [module for module in WITHOUT if file_of(module).exists()]
    assert not listed, "take them off the list"


def has_tests(module: str) -> bool:
    file = file_of(module)
    return file.exists() and "\ndef test_" in file.read_text()


def test_few_modules_have_none() -> None:
    assert len(WITHOUT) <= 10
    assert set(WITHOUT) <= set(MODULES)
