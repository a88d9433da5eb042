"""What the benchmarks' own code gave on miniature data sets: see the repository's NOTICE."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from gcl_spec.data.root import FolderRoot
from repository import REPOSITORY

GOLDENS = REPOSITORY / "tests" / "gcl_spec" / "tasks" / "goldens"


def root_of(benchmark: str) -> FolderRoot:
    return FolderRoot(GOLDENS / benchmark)


def read(path: str) -> Any:
    return json.loads((GOLDENS / path).read_text())


def arrays(path: str) -> dict[str, npt.NDArray[Any]]:
    with np.load(GOLDENS / path) as found:
        return dict(found)


def copied(benchmark: str, folder: Path) -> Path:
    """A copy that a test may change."""
    return Path(shutil.copytree(GOLDENS / benchmark, folder / benchmark))


def replace_once(file: Path, old: str, new: str) -> None:
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new, 1))
