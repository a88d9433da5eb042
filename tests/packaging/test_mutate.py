"""The mutation tool: what it changes, what it leaves alone, and what it says of tests."""

import ast
import json
import subprocess
import sys
from itertools import islice
from pathlib import Path

import pytest

from mutation.held_by import TESTS
from mutation.mutants import mutants
from repository import REPOSITORY

SOURCE = '''
"""Words."""
from math import sqrt
__all__ = ["f"]

def f(x: int = 1, *rest: int) -> list[int]:
    """More words, 1 + 1."""
    if x < 3 and not rest:
        return g(x, rest[1:], key=True)
    raise ValueError("no", 4)
'''


def test_each_mutant_has_one_change() -> None:
    found = list(mutants("m.py", SOURCE))
    changes = {mutant.change.replace("return g", "g") for mutant in found}
    head = "if x < 3 and (not rest):"
    for after in ("x <= 3 and (not rest)", "x < 3 or not rest", "x < 3", "x < 4 and (not rest)"):
        assert f"{head} -> if {after}:" in changes, after
    assert {
        f"{head} -> if True:",
        f"{head} -> if False:",
        f"{head} -> if x < 3 and rest:",
    } <= changes
    call = "g(x, rest[1:], key=True)"
    for after in ("g(rest[1:], x, key=True)", "g(x, rest[1:])", "g(x, rest[1:], key=False)"):
        assert f"{call} -> {after}" in changes, after
    assert f"{call} -> g(x, rest[2:], key=True)" in changes
    original = ast.unparse(ast.parse(SOURCE)).splitlines()
    for mutant in found:
        lines = mutant.source.splitlines()
        assert sum(a != b for a, b in zip(original, lines, strict=True)) == 1
        assert not {"words", "import", "raise", "__all__"} & set(mutant.change.split())
    assert len({mutant.source for mutant in found}) == len(found)


@pytest.mark.parametrize("module", TESTS)
def test_modules_and_their_tests_are_there(module: str) -> None:
    found = mutants(module, (REPOSITORY / module).read_text())
    assert len(list(islice(found, 11))) == 11
    for test in TESTS[module]:
        assert (REPOSITORY / test.partition("::")[0]).is_file()


def test_listed_mutants_are_mutants() -> None:
    """One whose line was changed since is no excuse for another."""
    text = (REPOSITORY / "scripts" / "mutation" / "equivalent.txt").read_text()
    listed = [line for line in text.splitlines() if line and not line.startswith(("#", " "))]
    for module in {line.partition(" | ")[0] for line in listed}:
        names = {mutant.name for mutant in mutants(module, (REPOSITORY / module).read_text())}
        assert {line for line in listed if line.startswith(f"{module} | ")} <= names


def test_a_campaign(tmp_path: Path) -> None:
    out = tmp_path / "found.json"
    command = [
        sys.executable,
        "scripts/mutate.py",
        "gcl_spec/train/optimizer_rules.py",
        "--count",
        "2",
    ]
    done = subprocess.run([*command, "--json", out], cwd=REPOSITORY, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "| `gcl_spec/train/optimizer_rules.py` | 2 | 0 | 0 |" in done.stdout
    assert [record["outcome"] for record in json.loads(out.read_text())] == ["killed"] * 2
    unknown = subprocess.run(
        [sys.executable, "scripts/mutate.py", "x.py"],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
    )
    assert unknown.returncode == 2
    assert "no tests are known for x.py" in unknown.stderr
