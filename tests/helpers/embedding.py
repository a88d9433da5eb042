"""The tiles on disk, embedded by a model in NumPy."""

from collections.abc import Mapping
from pathlib import Path

from fake import FakeTrainer
from gcl_spec._typing import FloatArray
from gcl_spec.batch import Batch
from gcl_spec.config.options import Config
from gcl_spec.embed.encode_entries import EntryEncoder
from gcl_spec.embed.maker import Maker
from gcl_spec.embed.work import Work
from gcl_spec.run.to_embed import Described, data_of
from loop_config import fast

# 16 items in tasks/, two queries or candidates a batch, five a shard.
SIZE, BATCH, ITEMS = 5, 2, 16
MAKER = Maker("tiles, step 0", "0" * 64, "1" * 64, "fake, float32, 2 at once", "float32", SIZE)


class TileTrainer(FakeTrainer):
    """Encodes pixels and tokens; it counts its calls."""

    def __init__(self, config: Config) -> None:
        super().__init__(config, None)
        self.calls = 0

    def encode(self, batch: Batch, /) -> Mapping[str, FloatArray]:
        self.calls += 1
        found = {f"{name}/features": x for name, x in self.features(batch).items()}
        return super().encode(Batch(found, batch.present, batch.ids))


def work(data: Path, folder: Path, maker: Maker = MAKER, items: str = "") -> Work:
    config = fast(data, folder.parent / "cache")
    read = data_of(config, Described(str(data), items=items))
    encoder = EntryEncoder(TileTrainer(config), read.collate, config.model.modalities, BATCH)
    return Work(read.listing, encoder, read.contents, maker, folder, read.described.to_json())


def calls(made: Work) -> int:
    trainer = made.encoder.trainer
    assert isinstance(trainer, TileTrainer)
    return trainer.calls


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}
