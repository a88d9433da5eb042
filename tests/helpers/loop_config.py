"""A config for the NumPy trainer, what it says, and what of a run no clock changes."""

from pathlib import Path
from typing import Any

from gcl_spec.config.options import Config
from gcl_spec.config.toml import loads
from gcl_spec.run import checkpoint
from gcl_spec.run.folder import RunFolder


class Said:
    """A reporter that keeps the lines."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def update(self, phase: str, done: int, total: int, note: str = "") -> None:
        pass

    def say(self, text: str) -> None:
        self.lines.append(text)


def fast(data_folder: Path, cache: Path, *more: str) -> Config:
    return loads(
        "",
        [
            f"data.path='{data_folder}'",
            f"data.cache='{cache}'",
            "model.width=4", "model.image_size=32", "train.steps=20", "train.batch_size=6",
            "train.log_every=3", "train.save_every=5", "optim.lr=0.01", "optim.warmup_steps=2",
            *more,
        ],
    )  # fmt: skip


def numbers(folder: Path) -> list[dict[str, Any]]:
    """The metrics without the one that depends on the clock."""
    lines = RunFolder.open(folder).metrics()
    return [{k: v for k, v in line.items() if k != "samples_per_s"} for line in lines]


def state(folder: Path) -> dict[str, Any]:
    return dict(checkpoint.latest(folder / "checkpoints").state)


def steps(folder: Path) -> list[int]:
    return [int(p.stem[5:]) for p in sorted((folder / "checkpoints").glob("step-*.safetensors"))]
