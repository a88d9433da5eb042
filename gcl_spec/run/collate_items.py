"""Makes batches of the items of training data, of which some pictures may be unreadable."""

from collections.abc import Sequence
from functools import partial

from gcl_spec._typing import FloatArray
from gcl_spec.data.features.store import FeatureStore
from gcl_spec.data.formats.vectors import VectorCollator, VectorSource
from gcl_spec.data.prepare.collate import Collate, Collator
from gcl_spec.data.source import Source
from gcl_spec.embed.encode import encode
from gcl_spec.progress import Reporter
from gcl_spec.run.loaded import LoadedRun
from gcl_spec.tasks.task import Item, columns_of

__all__ = ["collate_items", "encode_readable"]


def collate_items(
    run: LoadedRun,
    source: Source,
    items: Sequence[Item],
    reporter: Reporter,
    bad: dict[str, str],
) -> Collate:
    """What makes batches of the items of a source, with the outputs of frozen towers cached.

    Args:
        run: the model.
        source: where the parts of the items lie.
        items: all that will be asked for.
        reporter: hears of progress.
        bad: takes the reason for each picture that cannot be read, by its reference.
    """
    if isinstance(source, VectorSource):
        return VectorCollator(source)
    collator = Collator(run.config, source)
    if not run.config.model.caches_towers:
        return collator
    store = FeatureStore(run.config, collator, run.trainer.features)
    store.prepare(columns_of(items), reporter, bad=bad)
    return store


def encode_readable(
    run: LoadedRun,
    source: Source,
    items: Sequence[Item],
    reporter: Reporter,
    bad: dict[str, str],
) -> FloatArray:
    """Unit rows (N, D) of N items; those of pictures that cannot be read are zero.

    Args:
        run: the model.
        source: where the parts of the items lie.
        items: the N items.
        reporter: hears of progress.
        bad: takes the reason for each picture that cannot be read, by its reference.
    """
    read = partial(collate_items(run, source, items, reporter, bad), bad=bad, every=True)
    return encode(run.trainer, read, columns_of(items), batch_size=run.config.eval.batch_size)
