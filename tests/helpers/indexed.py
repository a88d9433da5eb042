"""Indices of pictures and texts by a model in NumPy, which needs no run."""

from pathlib import Path

import numpy as np
from PIL import Image

from embedding import MAKER, TileTrainer
from gcl_spec.index import Added, Index
from gcl_spec.index.adding import Adding
from gcl_spec.index.coding import Codes
from gcl_spec.index.model import Model
from gcl_spec.index.sources import items_of, origin_of
from gcl_spec.progress import Reporter
from loop_config import fast

COLOURS = {"red": (220, 20, 20), "green": (20, 200, 20), "blue": (20, 20, 220)}


def write_folder(folder: Path) -> Path:
    """Pictures with a caption, without one, and a text alone."""
    folder.mkdir(parents=True)
    for name, colour in COLOURS.items():
        Image.new("RGB", (8, 8), colour).save(folder / f"{name}.png")
    (folder / "red.txt").write_text("a red tile\n")
    (folder / "sub").mkdir()
    (folder / "sub" / "note.txt").write_text("a note on tiles")
    return folder


def model_of(place: Path) -> Model:
    config = fast(place, place / "cache")
    return Model(MAKER, str(place / "run"), config, TileTrainer(config))


def added(
    index: Path,
    data: Path,
    *,
    update: bool = False,
    size: int = 3,
    prefix: str = "",
    reporter: Reporter | None = None,
    codes: Codes | None = None,
) -> Added:
    model = model_of(index.parent)
    items = items_of(origin_of(str(data), None, model.config.data, prefix=prefix), model.config)
    return Adding(index, model, items, reporter, size=size, codes=codes).run(update=update)


def opened(index: Path) -> Index:
    return Index(index, model=model_of(index.parent))


def stored(index: Path) -> dict[str, "np.ndarray[tuple[int], np.dtype[np.float32]]"]:
    """All vectors by id."""
    table = opened(index)._table
    return table.vectors([x for b in table.batches(("id",)) for x in b["id"].to_pylist()], "vector")
