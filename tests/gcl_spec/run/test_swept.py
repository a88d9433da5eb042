"""Where the concepts of a sweep come from."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fake import FakeTrainer
from gcl_spec.batch import Batch
from gcl_spec.config.options import Config
from gcl_spec.errors import DataError
from gcl_spec.progress import Quiet
from gcl_spec.run.loaded import LoadedRun
from gcl_spec.run.swept import sweep_run
from loop_config import fast


class Adapter:
    """Gives the vectors of rows as they are, and their normalised sum for both."""

    def encode(self, batch: Batch, /) -> dict[str, np.ndarray]:
        rows = {name: batch.inputs[f"{name}/features"] for name in ("image", "text")
                if f"{name}/features" in batch.inputs}  # fmt: skip
        zero = np.zeros_like(next(iter(rows.values())))
        rows["image+text"] = rows.get("image", zero) + rows.get("text", zero)
        return {name: x / np.linalg.norm(x, axis=1, keepdims=True).clip(1e-9)
                for name, x in rows.items()}  # fmt: skip


def adapter(path: Path, *, rows: int) -> LoadedRun:
    """A run on vectors; every second row is of the same thing as the one before it."""
    rng = np.random.default_rng(0)
    image = np.repeat(rng.normal(size=(rows // 2, 8)), 2, axis=0).astype(np.float32)
    text = image + 0.1 * rng.normal(size=image.shape).astype(np.float32)
    np.savez(path, image=image, text=text)
    config = fast(path, path.parent / "cache", "model.kind='adapter'")
    return LoadedRun(config, 3, Adapter())


def test_vectors_are_swept_by_rows_that_were_held_out(tmp_path: Path) -> None:
    """Rows of one picture are one concept, which is asked for across modalities alone."""
    run = adapter(tmp_path / "vectors.npz", rows=400)
    found, bad = sweep_run(run, Quiet())
    assert bad == ()
    assert found.concepts == 20
    by_name = {one.name: one for one in found.measured}
    assert by_name["100:0:0"].asked == {"image": 0, "text": 20, "image+text": 0}
    assert by_name["50:50:0"].value > 0.9
    assert found.notes[0].startswith("queries by image, text are asked")


def test_given_vectors_are_swept_whole(tmp_path: Path) -> None:
    run = adapter(tmp_path / "vectors.npz", rows=44)
    found, _ = sweep_run(run, Quiet(), data=str(tmp_path / "vectors.npz"))
    assert found.concepts == 22
    with pytest.raises(DataError, match=r"vectors.npz: 2 concepts"):
        sweep_run(run, Quiet())


def test_tasks_with_documents(tmp_path: Path) -> None:
    """Texts ask for documents; pictures are asked for by nothing here."""
    folder = tmp_path / "tasks" / "t2it"
    folder.mkdir(parents=True)
    queries = [{"id": f"q{n}", "text": f"word {n}"} for n in range(20)]
    found = [{"id": f"c{n}", "image": "x.png", "text": f"thing {n}"} for n in range(20)]
    for name, rows in (("queries", queries), ("candidates", found)):
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (folder / "qrels.tsv").write_text("".join(f"q{n}\tc{n}\n" for n in range(20)))
    config: Config = fast(tmp_path, tmp_path / "cache")
    run = LoadedRun(config, 1, FakeTrainer(config, None))
    with pytest.raises(DataError, match="1 concepts that have image and text"):
        sweep_run(run, Quiet(), data=str(tmp_path))  # they share a picture


def test_a_copy_of_a_picture_is_no_other_picture(tmp_path: Path) -> None:
    """Nor is a caption in capitals: neither asks for what it is a part of."""
    rows = []
    for n in range(20):
        picture = Image.new("RGB", (8, 8), (12 * n, 9, 200))
        for name in ("a", "b"):
            picture.save(tmp_path / f"{name}{n}.png")
            row = {"id": f"{name}{n}", "image": f"{name}{n}.png", "concept": str(n)}
            rows.append({**row, "captions": [f"thing {n}", f"THING  {n}"]})
    (tmp_path / "train.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    config = fast(tmp_path, tmp_path / "cache")
    found, _ = sweep_run(
        LoadedRun(config, 1, FakeTrainer(config, None)), Quiet(), data=str(tmp_path)
    )
    assert found.concepts == 20
    asked = {one.name: one.asked for one in found.measured}
    assert asked["100:0:0"] == {"image": 0, "text": 20, "image+text": 0}
    assert asked["0:0:100"] == dict.fromkeys(asked["0:0:100"], 0)
