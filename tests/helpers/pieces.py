"""Small training data on disk, options for it, and towers that cost nothing."""

import json
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from gcl_spec.batch import Batch
from gcl_spec.config.options import Config
from gcl_spec.config.toml import loads
from gcl_spec.progress import Quiet
from gcl_spec.train.data import TrainingData


class Towers:
    """Stands for a trainer: features are the mean colour, and the number of tokens."""

    def features(self, batch: Batch) -> dict[str, np.ndarray]:
        if "image/pixels" in batch.inputs:
            return {"image": batch.inputs["image/pixels"].mean(axis=(1, 2)).astype(np.float32)}
        return {"text": batch.inputs["text/attention_mask"].sum(1, keepdims=True).astype("f4")}


def write(folder: Path, count: int = 40, broken: tuple[int, ...] = ()) -> Path:
    """Some with an image only, some with a caption only, captions that repeat."""
    folder.mkdir()
    lines: list[str] = []
    for n in range(count):
        path = folder / f"{n}.png"
        Image.new("RGB", (6, 5), (n % 256, 3, n // 256)).save(path)
        if n in broken:
            path.write_bytes(path.read_bytes()[:40])
        record: dict[str, Any] = {"id": str(n), "captions": [f"text {n % 7}", f"other {n}"]}
        if n % 5 != 4:
            record["image"] = f"{n}.png"
        if n % 6 == 5:
            record |= {"captions": [], "image": f"{n}.png"}
        lines.append(json.dumps(record))
    (folder / "train.jsonl").write_text("\n".join(lines))
    return folder


def options(folder: Path, *more: str) -> Config:
    return loads(
        "",
        [
            f"data.path='{folder}'", f"data.cache='{folder.parent / 'cache'}'",
            "model.image_size=32", "train.batch_size=8", "train.steps=12",
            "model.freeze=none", *more,
        ],
    )  # fmt: skip


def data(config: Config, **more: Any) -> TrainingData:
    more = {"only_steps": config.train.steps} | more
    return TrainingData(config, Towers(), Quiet(), **more)  # type: ignore[arg-type]


def equal(one: Batch, two: Batch) -> None:
    assert one.inputs.keys() == two.inputs.keys()
    for name, x in one.inputs.items():
        np.testing.assert_array_equal(x, two.inputs[name])
    assert one.present.keys() == two.present.keys()
    for name, flags in one.present.items():
        np.testing.assert_array_equal(flags, two.present[name])
    np.testing.assert_array_equal(one.ids, two.ids)


def lines_of(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]
