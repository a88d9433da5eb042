"""Outputs of frozen towers: computed once for each picture and text, kept on disk by content."""

import hashlib
from collections.abc import Callable, Iterable, Mapping

import numpy as np
import numpy.typing as npt

from gcl_spec._typing import FloatArray, IntArray
from gcl_spec._words import brief
from gcl_spec.batch import Batch
from gcl_spec.config.cache_folder import cache_folder
from gcl_spec.config.options import Config
from gcl_spec.data.features.cache import FeatureCache
from gcl_spec.data.features.fixed_batches import fixed_batches
from gcl_spec.data.features.keys import image_tower_key, text_tower_key, video_tower_key
from gcl_spec.data.prepare.collate import Collator, Items, assemble, has_any, without_bad
from gcl_spec.data.prepare.pictures import ImageInput
from gcl_spec.data.sample import FILES
from gcl_spec.errors import DataError
from gcl_spec.models.frames import framed
from gcl_spec.progress import Quiet, Reporter

__all__ = ["FeatureStore"]

_BATCH = 32  # the activations of a larger batch do not fit the processor's cache
_SAVE_EVERY = 16  # batches, so that a part has 512 rows, 2.6 MB for the image tower


class FeatureStore:
    """A `Collate` that gives tower outputs instead of pixels and tokens.

    `prepare` computes and caches what is not there yet; afterwards the store knows only what was
    prepared.

    Args:
        config: the options of the run.
        collator: makes pixels and tokens.
        compute: the trainer's `features`.
    """

    def __init__(
        self,
        config: Config,
        collator: Collator,
        compute: Callable[[Batch], Mapping[str, FloatArray]],
    ) -> None:
        self._collator = collator
        self._compute = compute
        folder = cache_folder(config.data)
        keys = {"image": image_tower_key, "text": text_tower_key}
        keys |= dict.fromkeys(framed(config.model), video_tower_key)
        self._caches = {n: FeatureCache(folder, n, key(config.model)) for n, key in keys.items()}
        self._rows: dict[str, dict[str, FloatArray]] = {name: {} for name in keys}
        self._frames = dict.fromkeys(framed(config.model), config.model.frames)
        self._bad: dict[str, str] = {}

    def prepare(
        self,
        items: Mapping[str, Iterable[str | None]],
        reporter: Reporter | None = None,
        *,
        bad: dict[str, str] | None = None,
    ) -> None:
        """Have the outputs of pictures and texts ready.

        A damaged cache is computed anew. What an interrupted call had computed, but for its last
        batches, is not computed again.

        Args:
            items: references to pictures and videos, and texts, by modality; None is left out.
            reporter: hears of progress, and of a damaged cache.
            bad: takes the reason for each file that cannot be read, as in `Collate`.

        Raises:
            DataError: an unreadable file, or a tower whose output is not finite.
            FileError: the cache cannot be written.
        """
        reporter = reporter or Quiet()
        for kind, entries in items.items():
            wanted = self._digests(kind, entries, bad)
            if not wanted:
                continue
            rows, warnings = self._caches[kind].read()
            for warning in warnings:
                reporter.say(f"warning: {warning}")
            missing = {digest: item for item, digest in wanted.items() if digest not in rows}
            if missing:
                rows |= self._compute_all(kind, missing, rows, reporter, bad)
            if rows and (missing or self._caches[kind].in_parts):
                self._caches[kind].merge(rows)
            for item, digest in wanted.items():
                if digest in rows:
                    self._rows[kind][item] = rows[digest]
                elif bad is not None and item not in bad:
                    twin = missing[digest]
                    bad[item] = f"{brief(item)}: the same content as {brief(twin)}; {bad[twin]}"
        self._bad |= bad or {}

    def __call__(
        self,
        items: Items,
        ids: IntArray | None = None,
        /,
        *,
        bad: dict[str, str] | None = None,
        every: bool = False,
    ) -> Batch:
        """A batch of prepared tower outputs; its arguments are those of `Collate.__call__`."""
        if bad is not None:
            files = (x for name in FILES for x in items.get(name, ()) if isinstance(x, str))
            bad |= {x: self._bad[x] for x in files if x in self._bad}
        items = without_bad(items, bad)
        inputs: dict[str, npt.NDArray[np.generic]] = {}
        for kind, entries in items.items():
            rows = self._rows.get(kind, {})
            if has_any(items, kind, every and bool(rows)):
                if not rows:
                    raise DataError(f"no {kind} was prepared; call prepare first")
                zero = np.zeros_like(next(iter(rows.values())))
                features = [zero if item is None else self._row(kind, item) for item in entries]
                frames = (self._frames[kind],) if kind in self._frames else ()
                shape = (len(features), *frames, -1)
                inputs[f"{kind}/features"] = np.stack(features).reshape(shape)
        return assemble(inputs, items, ids)

    def _row(self, kind: str, item: ImageInput) -> FloatArray:
        if not isinstance(item, str) or item not in self._rows[kind]:
            raise DataError(f"{kind} {brief(item)!r} was not prepared; call prepare with it first")
        return self._rows[kind][item]

    def _digests(
        self, kind: str, items: Iterable[str | None], bad: dict[str, str] | None
    ) -> dict[str, str]:
        digests = {}
        for item in dict.fromkeys(items):
            if item is None:
                continue
            try:
                digests[item] = self._digest(kind, item)
            except DataError as error:
                if bad is None:
                    raise
                bad[item] = str(error)
        return digests

    def _digest(self, kind: str, item: str) -> str:
        content = self._collator.read(item) if kind in FILES else item.encode()
        assert isinstance(content, bytes)
        return hashlib.sha256(content).hexdigest()

    def _compute_all(
        self,
        kind: str,
        items: Mapping[str, str],
        known: Mapping[str, FloatArray],
        reporter: Reporter,
        bad: dict[str, str] | None,
    ) -> dict[str, FloatArray]:
        digests, named = list(items), list(items.values())
        width = len(next(iter(known.values()))) if known else None
        rows: dict[str, FloatArray] = {}
        unsaved: dict[str, FloatArray] = {}
        done = 0
        size = max(1, _BATCH // self._frames.get(kind, 1))
        for places, batch in fixed_batches(self._collator, kind, named, size, bad):
            computed = self._compute_some(kind, batch, [named[n] for n in places], width)
            for n, row in zip(places, computed, strict=True):
                if not bad or named[n] not in bad:
                    unsaved[digests[n]] = row
            if len(unsaved) >= _SAVE_EVERY * _BATCH:
                self._caches[kind].add(unsaved)
                rows |= unsaved
                unsaved = {}
            done += len(places)
            reporter.update(f"{kind} tower", done, len(named))
        return rows | unsaved

    def _compute_some(
        self, kind: str, batch: Batch, items: list[str], width: int | None
    ) -> FloatArray:
        """Outputs (B, F) float32 of the items, which are the first rows of a batch.

        There are none where the whole batch is bad.
        """
        if not batch.inputs:
            return np.zeros((len(items), width or 1), np.float32)
        computed = self._compute(batch)[kind][: len(items)].astype(np.float32, copy=False)
        computed_BF = computed.reshape((len(items), -1))  # a video's row holds all frames
        finite_B = np.all(np.isfinite(computed_BF), axis=1)
        if not np.all(finite_B):
            item = items[int(np.argmin(finite_B))]
            raise DataError(
                f"the {kind} tower's output for {brief(item)!r} holds NaN or Inf; check the "
                "weights, and the device with `gcl verify-backends`"
            )
        if width not in (None, computed_BF.shape[1]):
            raise DataError(
                f"the {kind} tower gives {computed_BF.shape[1]} numbers an item, the cache "
                f"{self._caches[kind].path} has {width}; remove that file"
            )
        return computed_BF
