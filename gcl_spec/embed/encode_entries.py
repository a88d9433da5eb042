"""Rows of the entries of a shard, batch by batch, and why others have none."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TypeAlias

import numpy as np

from gcl_spec._typing import BoolArray, FloatArray, IntArray
from gcl_spec.backend import Trainer
from gcl_spec.batch import Batch
from gcl_spec.data.prepare.collate import Collate, Items
from gcl_spec.data.sample import FILES
from gcl_spec.embed.encode import of_all_parts
from gcl_spec.embed.entry import Entry
from gcl_spec.errors import DataError
from gcl_spec.models.frames import VIDEO, seen_parts
from gcl_spec.objective import name_parts, same_parts

__all__ = ["Calibrate", "EntryEncoder"]

Calibrate: TypeAlias = Callable[[str, str, FloatArray, Mapping[str, FloatArray]], FloatArray]
"""Makes rows (N, D + A) of a role, a modality, rows (N, D), and those of each part alone."""


@dataclass(frozen=True, slots=True)
class EntryEncoder:
    """A model with what makes batches for it.

    trainer: the model. collate: makes batches of parts. modalities: those of which it gives
    embeddings. batch_size: entries that are encoded at once. calibrate: changes the rows.
    """

    trainer: Trainer
    collate: Collate
    modalities: Sequence[str]
    batch_size: int
    calibrate: Calibrate | None = None
    _kinds: dict[str, str] = field(default_factory=dict)

    def encode(
        self, entries: Sequence[Entry], told: Callable[[int], None]
    ) -> tuple[FloatArray, dict[int, str]]:
        """Rows (R, D) float32 of entries, and the reasons of those without one, by their place.

        A batch depends on the entries alone, so that equal entries give equal rows.

        Args:
            entries: the entries of a shard.
            told: hears how many entries are done.

        Raises:
            DataError: the model's rows of all entries of a batch are not finite.
        """
        entries = [_seen(entry, self.modalities) for entry in entries]
        absent: dict[int, str] = {}
        for place, entry in enumerate(entries):
            if why := entry.why or self._unknown(entry.modality):
                absent[place] = why
        places = [place for place in range(len(entries)) if place not in absent]
        starts = range(0, len(places), self.batch_size)
        parts = [places[start : start + self.batch_size] for start in starts]
        rows = []
        for part, (batch, bad) in zip(parts, self._batches(entries, parts), strict=True):
            rows_BD, has = self._rows(entries, part, batch)
            for place, fine in zip(part, has.tolist(), strict=True):
                if not fine:
                    files = (file for name, file in entries[place].content if name in FILES)
                    absent[place] = next((bad[x] for x in files if x in bad), _NO_ROW)
            if has.any():
                rows.append(rows_BD[has])
            told(part[-1] + 1)
        return np.concatenate(rows or [np.zeros((0, 0), np.float32)]), absent

    def _batches(
        self, entries: Sequence[Entry], parts: Sequence[Sequence[int]]
    ) -> Iterator[tuple[Batch, dict[str, str]]]:
        """The batches of places; the next one is prepared while the model has the last."""

        def prepare(part: Sequence[int]) -> tuple[Batch, dict[str, str]]:
            bad: dict[str, str] = {}
            return self.collate(_columns([entries[place] for place in part]), bad=bad), bad

        with ThreadPoolExecutor(1) as pool:
            waiting = [pool.submit(prepare, part) for part in parts[:1]]
            for following in [*parts[1:], None]:
                if not waiting:
                    return
                prepared_batch = waiting.pop().result()
                if following is not None:
                    waiting.append(pool.submit(prepare, following))
                yield prepared_batch

    def _rows(
        self, entries: Sequence[Entry], part: Sequence[int], batch: Batch
    ) -> tuple[FloatArray, BoolArray]:
        """The rows (B, D) of a batch, and which of them are rows, (B,)."""
        here_B = np.any(np.stack(list(batch.present.values())), axis=0)
        if not here_B.any():
            return np.zeros((len(part), 0), np.float32), here_B
        z = self.trainer.encode(batch)
        rows_BD = of_all_parts(z, batch)
        fine_B = here_B & np.isfinite(rows_BD).all(axis=1) & rows_BD.any(axis=1)
        if not fine_B.any():
            first = entries[part[int(np.argmax(here_B))]]
            raise DataError(
                f"the model gives no finite embedding of item {first.id!r}, nor of the others of "
                "its batch; check the weights, and the device with `gcl verify-backends`"
            )
        if self.calibrate is not None:
            kinds = [(entries[place].role, entries[place].modality) for place in part]
            rows_BD = self._calibrated(kinds, z, rows_BD, fine_B)
        return rows_BD, fine_B

    def _calibrated(
        self,
        kinds: Sequence[tuple[str, str]],
        z: Mapping[str, FloatArray],
        rows_BD: FloatArray,
        fine_B: BoolArray,
    ) -> FloatArray:
        """The calibrated rows (B, D + A) of a batch; those that are no rows are zero.

        Args:
            kinds: the role and modality of the B entries.
            z: embeddings by modality, (B, D) each.
            rows_BD: the rows of all parts together.
            fine_B: which are rows.
        """
        assert self.calibrate is not None
        groups: list[tuple[IntArray, FloatArray]] = []
        for role, modality in dict.fromkeys(kinds):
            same_B = np.asarray([kind == (role, modality) for kind in kinds])
            here = np.flatnonzero(same_B & fine_B)
            if len(here):
                parts = {name: z[name][here] for name in name_parts(modality) if name in z}
                groups.append((here, self.calibrate(role, modality, rows_BD[here], parts)))
        calibrated = np.zeros((len(rows_BD), groups[0][1].shape[1]), np.float32)
        for places, made in groups:
            calibrated[places] = made
        return calibrated

    def pieces(self, entries: Sequence[Entry]) -> list[slice]:
        """The parts of a shard of which each holds one batch of `encode`, and all entries once.

        To encode the parts alone therefore gives the rows of the whole.
        """
        seen = [_seen(entry, self.modalities) for entry in entries]
        fine = [n for n, x in enumerate(seen) if not (x.why or self._unknown(x.modality))]
        starts = [0, *fine[self.batch_size :: self.batch_size]]
        return [slice(a, b) for a, b in pairwise([*starts, len(entries)])]

    def _unknown(self, modality: str) -> str:
        if modality not in self._kinds:
            known = bool(modality) and same_parts(name_parts(modality), self.modalities) is not None
            why = f"this model has no embedding of {modality or 'nothing'}"
            self._kinds[modality] = "" if known else why
        return self._kinds[modality]


def _seen(entry: Entry, modalities: Sequence[str]) -> Entry:
    """An entry as a model sees it: of a video beside a text it may see the middle frame alone."""
    names = [name for name, _ in entry.content]
    if VIDEO not in names or len(names) == 1:
        return entry
    seen = zip(seen_parts(names, modalities), (x for _, x in entry.content), strict=True)
    return entry._replace(content=tuple(sorted(seen)))


_NO_ROW = "its embedding is zero, or holds NaN or Inf"


def _columns(entries: Sequence[Entry]) -> Items:
    """The parts of entries by modality, with None where an entry has none."""
    contents: list[Mapping[str, str]] = [dict(entry.content) for entry in entries]
    names = sorted({name for content in contents for name in content})
    return {name: [content.get(name) for content in contents] for name in names}
