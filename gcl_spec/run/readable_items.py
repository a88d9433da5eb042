"""Encodes the items of training data, of which some pictures may be unreadable."""

from collections.abc import Sequence
from functools import partial

from gcl_spec._typing import FloatArray
from gcl_spec.data.features.store import FeatureStore
from gcl_spec.data.formats.vectors import VectorCollator, VectorSource
from gcl_spec.data.prepare.collate import Collate, Collator
from gcl_spec.data.source import Source
from gcl_spec.embed.encode import encode
from gcl_spec.evaluate.calibrations.rows import Encode
from gcl_spec.progress import Reporter
from gcl_spec.run.loaded import LoadedRun
from gcl_spec.run.videos import batch_size, has_video
from gcl_spec.tasks.task import Item, columns_of

__all__ = ["readable_encoder"]


def readable_encoder(
    run: LoadedRun,
    source: Source,
    items: Sequence[Item],
    reporter: Reporter,
    bad: dict[str, str],
) -> Encode:
    """What makes unit rows (N, D) of N items of a source; those of unreadable pictures are zero.

    The outputs of frozen towers are computed at once, or taken from the cache.

    Args:
        run: the model.
        source: where the parts of the items lie.
        items: all that will be asked for.
        reporter: hears of progress.
        bad: takes the reason for each picture that cannot be read, by its reference.
    """
    collate = partial(_collate(run, source, items, reporter, bad), bad=bad, every=True)
    moves = any(map(has_video, items))
    size = batch_size(run.config) if moves else run.config.eval.batch_size

    def made(some: Sequence[Item]) -> FloatArray:
        return encode(run.trainer, collate, columns_of(some), batch_size=size)

    return made


def _collate(
    run: LoadedRun, source: Source, items: Sequence[Item], reporter: Reporter, bad: dict[str, str]
) -> Collate:
    if isinstance(source, VectorSource):
        return VectorCollator(source)
    collator = Collator(run.config, source)
    if not run.config.model.caches_towers:
        return collator
    store = FeatureStore(run.config, collator, run.trainer.features)
    store.prepare(columns_of(items), reporter, bad=bad)
    return store
