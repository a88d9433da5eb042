"""Sweeps the compositions of pools with a run's model: where the concepts come from."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TypeAlias

import numpy as np

from gcl_spec._files.reading import is_folder
from gcl_spec._typing import FloatArray
from gcl_spec.data.formats.vectors import VectorSource
from gcl_spec.data.open import open_source
from gcl_spec.data.root import Root, open_root
from gcl_spec.data.sample import BadSample, Sample
from gcl_spec.data.source import Source, row_of
from gcl_spec.errors import DataError
from gcl_spec.evaluate.calibrations.rows import Encode, EncodedOnce
from gcl_spec.evaluate.sweeps.result import Sweep
from gcl_spec.evaluate.sweeps.sweep import drawn, sweep
from gcl_spec.objective import given_names
from gcl_spec.progress import Reporter
from gcl_spec.run.loaded import LoadedRun, encode_items
from gcl_spec.run.picture_copies import without_copies
from gcl_spec.run.readable_items import readable_encoder
from gcl_spec.tasks.concepts import Concept, concepts_of_tasks
from gcl_spec.tasks.folder import folder_of_tasks, read_tasks
from gcl_spec.tasks.held_out import held_rows
from gcl_spec.tasks.sampled_concepts import concepts_of_samples
from gcl_spec.tasks.task import Item

__all__ = ["sweep_run"]

_Concepts: TypeAlias = tuple[Encode, Sequence[Concept], tuple[str, ...]]
_ROWS = 20_000
"""The most samples that a sweep reads; of more samples it takes these evenly from all of them."""


def sweep_run(
    run: LoadedRun,
    reporter: Reporter,
    *,
    data: str | None = None,
    calibration: str | None = None,
    top: bool = True,
) -> tuple[Sweep, tuple[str, ...]]:
    """The sweep of a run, and why samples could not be used.

    Args:
        run: the model, with its calibration.
        reporter: hears of progress.
        data: a folder or zip of tasks whose candidates have all parts, or pairs in any layout of
            training data; the starter tasks when not given, or for a run of an adapter the rows
            that it held out.
        calibration: the name of the run's calibration, for the record.
        top: whether to count the modalities among the first ten (`sweep`).

    Raises:
        DataError: there are too few concepts, or the data is malformed.
    """
    bad: dict[str, str] = {}
    root = None if run.config.model.kind == "adapter" else _root(data or "starter")
    folder = None if root is None else folder_of_tasks(root)
    if root is not None and folder is not None:
        name, (encode, concepts, notes) = root.name, _of_tasks(run, root, folder, reporter)
    else:
        source = _source(run, data)
        name, (encode, concepts, notes) = source.name, _of_samples(run, source, reporter, bad)
    origin = {"data": data or ("starter" if root is not None else name), "step": str(run.step)}
    if calibration is not None:
        origin["calibration"] = calibration
    modalities = run.config.model.modalities
    try:
        swept = sweep(
            encode, concepts, modalities, run.calibration, origin=origin, notes=notes, top=top
        )
    except DataError as error:
        hint = ""
        if folder is not None and not concepts:
            hint = "; its tasks were read: name its samples instead, such as DIR/train.jsonl"
        raise DataError(f"{name}: {error}{_reason(bad)}{hint}") from error
    return swept, tuple(bad.values())


def _of_tasks(run: LoadedRun, root: Root, folder: str, reporter: Reporter) -> _Concepts:
    def encode(items: Sequence[Item]) -> FloatArray:
        return encode_items(run, root, items, reporter)

    every = concepts_of_tasks(read_tasks(root, folder), run.config.model.modalities)
    some, copies = without_copies(drawn(every), root)
    return encode, some, _said(some, copies, every)


def _reason(bad: dict[str, str]) -> str:
    return f"; {len(bad)} could not be used: {next(iter(bad.values()))}" if bad else ""


def _root(path: str) -> Root | None:
    """The files at a path that may hold tasks: the starter set, a folder or a zip."""
    whole = path == "starter" or is_folder(path) or path.lower().endswith(".zip")
    return open_root(path) if whole else None


def _source(run: LoadedRun, path: str | None) -> Source:
    config = run.config
    data = config.data if path is None else replace(config.data, path=path)
    source = open_source(data, given_names(config.model.modalities))
    if config.model.kind != "adapter":
        return source
    if not isinstance(source, VectorSource):
        raise DataError(f"{data.path!r} holds no vectors, which a run of an adapter takes")
    held_S = held_rows(source, config.data.holdout if path is None else 1.0)
    return source.subset(source.numbers[held_S])


def _samples(source: Source, given: Sequence[str], bad: dict[str, str]) -> Iterator[Sample]:
    """The samples; of vectors, the first of each group that has all parts.

    Other rows of the group may hold the same vector, which is not seen from their numbers.
    """
    count, groups = len(source), set()
    for n in np.unique(np.linspace(0, count - 1, min(count, _ROWS)).astype(int)).tolist():
        row = row_of(source, n)
        if isinstance(row, BadSample):
            bad[row.place] = row.reason
        elif not isinstance(source, VectorSource):
            yield row
        elif row.given.keys() >= {*given}:
            group = int(source.groups[source.numbers[n]])
            if group not in groups:
                groups.add(group)
                yield row


def _of_samples(
    run: LoadedRun, source: Source, reporter: Reporter, bad: dict[str, str]
) -> _Concepts:
    """What encodes concepts, and those whose pictures can be read, of which all are encoded."""
    modalities = run.config.model.modalities
    samples = _samples(source, given_names(modalities), bad)
    every = concepts_of_samples(samples, modalities)
    some, copies = drawn(every), 0
    if not isinstance(source, VectorSource):
        some, copies = without_copies(some, source)
    items = [
        item for concept in some for item in (*map(concept.document, modalities), *concept.queries)
    ]
    once = EncodedOnce(readable_encoder(run, source, items, reporter, bad))
    if items:
        once(items)
    kept = (
        replace(concept, queries=tuple(q for q in concept.queries if q.image not in bad))
        for concept in some
        if concept.parts.get("image") not in bad
    )
    return once, tuple(kept), _said(some, copies, every)


def _said(some: Sequence[Concept], copies: int, every: Sequence[Concept]) -> tuple[str, ...]:
    lines = []
    if len(some) + copies < len(every):
        lines.append(f"{len(some) + copies} of {len(every)} concepts were drawn")
    if copies:
        lines.append(f"{copies} concepts are left out, whose picture is a copy of another's")
    return tuple(lines)
