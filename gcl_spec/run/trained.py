"""Encodes the items of tasks by a loaded run, from cached outputs where its towers are frozen."""

from collections.abc import Sequence

from gcl_spec._typing import FloatArray
from gcl_spec.data.features.store import FeatureStore
from gcl_spec.data.prepare.collate import Collate, Collator
from gcl_spec.data.root import Root
from gcl_spec.embed.encode import encode
from gcl_spec.progress import Reporter
from gcl_spec.run.folder import LoadedRun
from gcl_spec.tasks.task import Item

__all__ = ["encode_items"]


def encode_items(
    run: LoadedRun, root: Root, items: Sequence[Item], reporter: Reporter
) -> FloatArray:
    """Unit rows (N, D) float32 of N items whose images lie under `root`."""
    collate: Collate = Collator(run.config, root)
    images, texts = [i.image for i in items], [i.text for i in items]
    if run.config.model.caches_towers and isinstance(collate, Collator):
        store = FeatureStore(run.config, collate, run.trainer.features)
        store.prepare(
            [image for image in images if image is not None],
            [text for text in texts if text is not None],
            reporter,
        )
        collate = store
    return encode(run.trainer, collate, images, texts, batch_size=run.config.eval.batch_size)
