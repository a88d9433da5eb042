"""Makes the batch of a step: the order gives samples, the source their parts."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple, TypeVar

import numpy as np

from gcl_spec._typing import IntArray
from gcl_spec.batch import Batch
from gcl_spec.config.options import Config
from gcl_spec.config.toml import objective
from gcl_spec.data.equal_rows import class_ids
from gcl_spec.data.formats.composed import ComposedSource, query_key
from gcl_spec.data.formats.vectors import VectorCollator, VectorSource
from gcl_spec.data.open import source_of
from gcl_spec.data.prepare.collate import Collate, Collator
from gcl_spec.data.sample import FILES, BadSample, Sample
from gcl_spec.data.source import Source, row_of
from gcl_spec.loss.check_values import check_pairs
from gcl_spec.loss.two_sided import taken_apart, target_name, two_sided
from gcl_spec.objective import Objective, given_names
from gcl_spec.tasks.held_out import hold_out
from gcl_spec.train.feed.order import Order

__all__ = ["BatchMaker", "Made", "check_batch", "open_maker"]

T = TypeVar("T")


class Made(NamedTuple):
    """A batch, and those of its samples that cannot be used."""

    batch: Batch
    bad: tuple[BadSample, ...]


class BatchMaker:
    """Makes the part of process `rank` of `size` in the batch of a step, from the data alone.

    Of composed triplets a batch has two rows a sample (`gcl_spec.loss.two_sided`).

    A bad sample keeps its row, without inputs and present in no modality, so that batches keep
    their size. The ids of a process are its part of those of the whole batch. Several threads may
    call it at once.

    Args:
        source: gives the samples.
        order: which of them a step gets.
        collate: makes arrays of them.
        given: the modalities of which the model takes inputs.
        rank: this process, from 0.
        size: how many processes there are.
        objective: of composed triplets, the parts that it has no use for are not read; all are when
            it is not given.
    """

    def __init__(
        self,
        source: Source,
        order: Order,
        collate: Collate,
        given: Sequence[str],
        *,
        rank: int = 0,
        size: int = 1,
        objective: Objective | None = None,
    ) -> None:
        self._source, self._order, self._collate = source, order, collate
        self._given = tuple(given)
        self._share = order.share(rank, size)
        self._two_sided = isinstance(source, ComposedSource)
        self._left_out: frozenset[str] = frozenset()
        if self._two_sided and objective is not None:
            known = {name for n in self._given for name in (n, target_name(n))}
            self._left_out = frozenset(known - {*given_names(two_sided(objective).modalities)})
        # Processes exchange the gradients of all towers, even where one of them lacks a modality.
        self._every = size > 1

    def __call__(self, step: int) -> Made:
        """The batch of step `step`, from 0."""
        numbers, draws = self._order.batch(step)
        rows = [row_of(self._source, int(n)) for n in numbers]
        parts = {name: self._drawn(rows, draws, name) for name in self._given}
        concepts = [row.concept if isinstance(row, Sample) else f"bad {row.place}" for row in rows]
        ids = class_ids(concepts, self._texts(rows, parts))[self._share]
        own = {name: entries[self._share] for name, entries in parts.items()}
        if self._two_sided:
            targets = {n: self._drawn(rows, draws, target_name(n)) for n in self._given}
            own = {n: _in_turn(x, targets[n][self._share]) for n, x in own.items()}
            ids = np.repeat(ids, 2)
        unreadable: dict[str, str] = {}
        batch = self._collate(own, ids, bad=unreadable, every=self._every)
        bad_rows = self._bad(numbers[self._share].tolist(), rows[self._share], unreadable)
        return Made(replace(batch, two_sided=self._two_sided), tuple(bad_rows))

    def bad(self, number: int) -> BadSample | None:
        """Sample `number` where it cannot be used, which is found out anew, else None."""
        row = row_of(self._source, number)
        if isinstance(row, Sample) and row.all_files:
            unreadable: dict[str, str] = {}
            for name in FILES:
                if name in self._given and row.files(name):
                    self._collate({name: row.files(name)}, bad=unreadable)
            return next(iter(self._bad([number], [row], unreadable)), None)
        return row if isinstance(row, BadSample) else None

    def _texts(
        self, rows: Sequence[Sample | BadSample], parts: Mapping[str, Sequence[str | None]]
    ) -> Sequence[str | None]:
        """What makes two samples answer to the same query: a caption, or a whole query."""
        captions = parts.get("text") or [None] * len(rows)
        if not self._two_sided:
            return captions
        nothing = [None] * len(rows)
        files = [parts.get(name, nothing) for name in FILES]
        return [query_key(text, *some) for text, *some in zip(captions, *files, strict=True)]

    def _drawn(
        self, rows: Sequence[Sample | BadSample], draws: IntArray, modality: str
    ) -> Sequence[str | None]:
        """One of the parts of each sample in a modality, by its draw; None where it has none."""
        if modality in self._left_out:
            return [None] * len(rows)
        parts = [row.given.get(modality, ()) if isinstance(row, Sample) else () for row in rows]
        return [
            some[draw % len(some)] if some else None
            for some, draw in zip(parts, draws, strict=True)
        ]

    def _bad(
        self, numbers: list[int], rows: list[Sample | BadSample], unreadable: dict[str, str]
    ) -> list[BadSample]:
        bad_rows = [row for row in rows if isinstance(row, BadSample)]
        for n, row in zip(numbers, rows, strict=True):
            for file in row.all_files if isinstance(row, Sample) else ():
                if file in unreadable:
                    reason = unreadable[file]
                    bad_rows.append(BadSample(row.id, self._source.place(n), reason))
                    break
        return bad_rows


def check_batch(batch: Batch, contrasts: Objective) -> None:
    """Refuse a batch in which no direction has a sample with both its query and its target.

    Raises:
        NoPairError: there is no such sample.
    """
    flags = {name: batch.has(name) for name in contrasts.modalities}
    if batch.two_sided:
        contrasts, flags = two_sided(contrasts), taken_apart(flags)
    check_pairs(contrasts, flags, np)


def _in_turn(queries: Sequence[T], targets: Sequence[T]) -> list[T]:
    """The entries of queries, each with that of its target behind it."""
    return [x for pair in zip(queries, targets, strict=True) for x in pair]


def open_maker(config: Config, rank: int, size: int) -> BatchMaker:
    """The maker of a config's batches for a worker process, in whose own thread it decodes."""
    source = source_of(config)
    if isinstance(source, VectorSource):
        source, _ = hold_out(source, config.data.holdout, config.model.modalities)
    order = Order(len(source), config.train.batch_size, config.train.seed)
    collate: Collate
    if isinstance(source, VectorSource):
        collate = VectorCollator(source)
    else:
        collate = Collator(config, source, threads=1)
    given = given_names(config.model.modalities)
    contrasts = objective(config.objective, config.model.modalities)
    return BatchMaker(source, order, collate, given, rank=rank, size=size, objective=contrasts)
