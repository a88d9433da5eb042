"""Fits calibrations on training rows of a run, or other rows without labels; evaluates them.

The one of the run's own biases (`gcl_spec.run.own_biases`) needs no rows.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from gcl_spec.data.formats.vectors import VectorSource
from gcl_spec.data.open import open_source
from gcl_spec.data.sample import BadSample
from gcl_spec.data.source import Source, row_of
from gcl_spec.errors import ConfigError, DataError
from gcl_spec.evaluate.calibrations.known import BIAS, check_name, fit
from gcl_spec.evaluate.calibrations.rows import (
    Encode,
    EncodedOnce,
    Rows,
    rows_of,
    same_roles,
    with_roles,
)
from gcl_spec.evaluate.calibrations.store import Origin, write
from gcl_spec.evaluate.evaluation import Report, evaluate
from gcl_spec.objective import given_names, name_parts
from gcl_spec.progress import Reporter
from gcl_spec.run.calibration_files import (
    calibration_file,
    calibration_of,
    fitted_names,
    weights_checksum,
)
from gcl_spec.run.folder import RunFolder
from gcl_spec.run.loaded import LoadedRun
from gcl_spec.run.own_biases import calibrations_of, own_biases, refuse_without_biases
from gcl_spec.run.readable_items import readable_encoder
from gcl_spec.tasks.held_out import hold_out
from gcl_spec.tasks.task import Item, Task

__all__ = ["MOST", "Fitted", "calibrate", "each_calibration", "training_rows"]


MOST = 4096
"""The most samples on which a calibration is fitted, unless `most` says otherwise."""


@dataclass(frozen=True)
class Fitted:
    """What `calibrate` has done.

    files: those of the calibrations.
    rows: the numbers of rows by modality, as candidates; none where nothing is fitted on rows.
    queries: the same as queries; equal to `rows` where the same rows stand for both.
    bad: why samples could not be used.
    """

    files: tuple[Path, ...]
    rows: dict[str, int]
    queries: dict[str, int]
    bad: tuple[str, ...]


def calibrate(
    run: RunFolder,
    loaded: LoadedRun,
    reporter: Reporter,
    *,
    data: str | None = None,
    queries: str | None = None,
    most: int | None = None,
    names: Sequence[str] | None = None,
) -> Fitted:
    """Fit calibrations on rows without labels, and store them beside the run.

    Args:
        run: the folder of the run.
        loaded: its model.
        reporter: hears of progress.
        data: rows, in any layout of training data; those that the run trained on when not given.
        queries: rows that stand for queries alone, so that those of `data` stand for candidates
            alone; when not given those of `data` stand for both.
        most: how many samples are taken at most, evenly from all of each; `MOST` when not given.
        names: of `CALIBRATIONS`; all that this run can have when not given.

    Raises:
        ConfigError: there is none of a name, or it is of biases, and the run has none; rows are
            named, and nothing is fitted on them.
        DataError: there is no usable row.
        CheckpointError: the run has other weights by now.
        FileError: a file cannot be written.
    """
    names = calibrations_of(loaded.config) if names is None else names
    for name in names:
        check_name(name)
        refuse_without_biases(name, loaded.config, str(run.path))
    if any(name != BIAS for name in names):
        candidates, bad = training_rows(loaded, reporter, data=data, most=most or MOST)
    else:
        _refuse_rows({"data": data, "queries": queries, "rows": most})
        candidates, bad = {}, ()
    samples, asked = same_roles(candidates), candidates
    if queries is not None:
        asked, more = training_rows(loaded, reporter, data=queries, most=most or MOST)
        samples, bad = with_roles({"query": asked, "candidate": candidates}), (*bad, *more)
    state = run.found(str(loaded.step)).state
    weights, counts = weights_checksum(state), _counts(samples)
    files = []
    for name in names:
        path = calibration_file(run, name)
        path.parent.mkdir(exist_ok=True)
        own = name == BIAS
        chain = own_biases(loaded.config, state) if own else fit(name, samples)
        write(path, chain, Origin(weights, loaded.step, {} if own else counts))
        files.append(path)
    return Fitted(tuple(files), _counts(candidates), _counts(asked), bad)


def _refuse_rows(given: Mapping[str, object]) -> None:
    """Refuse options of rows where no calibration is fitted on any."""
    for option in (option for option, value in given.items() if value is not None):
        raise ConfigError(
            f"{option} is given, and {BIAS} is made of the run's own numbers, not of rows: leave "
            "it out, or name a calibration that is fitted on rows"
        )


def each_calibration(
    run: RunFolder, loaded: LoadedRun, encode: Encode, tasks: Sequence[Task]
) -> dict[str, Report]:
    """The evaluations of a run without a calibration ("none"), then with each one that it has.

    Args:
        run: the folder of the run.
        loaded: its model.
        encode: makes unit rows of items by this model; it is asked for each item once.
        tasks: those that are evaluated.

    Raises:
        CheckpointError: a calibration is damaged, or was fitted for other weights.
    """
    checkpoint = run.found(str(loaded.step))
    fitted = {name: calibration_of(run, name, checkpoint) for name in fitted_names(run)}
    once = EncodedOnce(encode)
    return {name: evaluate(once, tasks, one) for name, one in {"none": None, **fitted}.items()}


def _counts(rows: Mapping[str, Rows]) -> dict[str, int]:
    return {name: len(modality_rows.whole) for name, modality_rows in rows.items()}


def training_rows(
    run: LoadedRun, reporter: Reporter, *, data: str | None = None, most: int = MOST
) -> tuple[dict[str, Rows], tuple[str, ...]]:
    """The rows of training samples by modality, and why others could not be used.

    Captions take turns where a picture has several. Vectors that the run held out are left out.

    Args:
        run: the model.
        reporter: hears of progress.
        data: where the samples lie; the run's own training data when not given.
        most: how many samples are taken at most, evenly from all of the data.

    Raises:
        DataError: there is no usable row.
    """
    config = run.config
    chosen = config.data if data is None else replace(config.data, path=data)
    source: Source = open_source(chosen, given_names(config.model.modalities))
    if isinstance(source, VectorSource) and data is None:
        source, _ = hold_out(source, config.data.holdout, config.model.modalities)
    count = len(source)
    numbers = np.unique(np.linspace(0, count - 1, min(count, most)).astype(int)).tolist()
    bad: dict[str, str] = {}
    items = list(_items(source, numbers, config.model.modalities, bad))
    run_encoder = readable_encoder(run, source, items, reporter, bad)
    items = [item for item in items if item.image not in bad]
    # A picture is found to be unreadable only when it is encoded; its rows are then zero.
    by_modality: dict[str, Rows] = {}
    for _, rows in rows_of(items, run_encoder) if items else ():
        good_N = np.all([np.any(z_ND, axis=1) for z_ND in (rows.whole, *rows.parts.values())], 0)
        if np.any(good_N):
            parts = {name: z_ND[good_N] for name, z_ND in rows.parts.items()}
            by_modality[rows.modality] = Rows(rows.modality, rows.whole[good_N], parts)
    reasons = tuple(bad.values())
    if not by_modality:
        why = f": {reasons[0]}" if reasons else ""
        raise DataError(f"{source.name} has no row to fit a calibration on{why}")
    return by_modality, reasons


def _items(
    source: Source, numbers: Sequence[int], modalities: Sequence[str], bad: dict[str, str]
) -> Iterator[Item]:
    """An item of each modality of the model for each sample that has its parts."""
    for n in numbers:
        row = row_of(source, n)
        if isinstance(row, BadSample):
            bad[row.place] = row.reason
            continue
        parts: dict[str, Any] = {name: all[n % len(all)] for name, all in row.given.items()}
        for modality in modalities:
            names = name_parts(modality)
            if parts.keys() >= {*names}:
                yield Item("", **{name: parts[name] for name in names})
