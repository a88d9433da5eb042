"""Every example runs as it is printed, and its model learns."""

import re
from pathlib import Path

import pytest

import prepared
import wanted
from repository import REPOSITORY

EXAMPLES = REPOSITORY / "examples"
BACKENDS = {"plain_jax": "jax"}


def scripts() -> list[str]:
    loops = (path.stem for path in sorted(EXAMPLES.glob("*.py")) if path.stem != "shapes")
    return [name for name in loops if BACKENDS.get(name, "torch") in wanted.BACKENDS]


@pytest.mark.parametrize("name", scripts())
def test_an_example_learns(name: str, tmp_path: Path) -> None:
    script, framework = EXAMPLES / f"{name}.py", BACKENDS.get(name, "torch")
    done = prepared.run(script, "--steps", 60, framework=framework, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    losses = [float(x) for x in re.findall(r"loss (\d+\.\d+)", done.stdout)]
    assert losses[-1] < 0.75 * losses[0], done.stdout
    hits = re.search(r"hit@1: (\d\.\d+) \(by chance 0\.03\)", done.stdout)
    assert hits, done.stdout
    assert float(hits[1]) > 0.1
    assert list(tmp_path.iterdir()) == []
