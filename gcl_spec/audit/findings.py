"""Finds what is wrong with training data before a run does."""

import hashlib
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from gcl_spec._typing import BoolArray, IntArray
from gcl_spec.audit.false_negatives import FalseNegatives, false_negatives
from gcl_spec.audit.looks import Look, look_at
from gcl_spec.config.memory import check_memory
from gcl_spec.config.options import Config
from gcl_spec.data.formats.vectors import VectorSource
from gcl_spec.data.open import data_root, source_of
from gcl_spec.data.prepare.check_checkpoint import text_warnings
from gcl_spec.data.prepare.recipes import tokenizer_of
from gcl_spec.data.prepare.tokenizer import Tokenizer
from gcl_spec.data.sample import FILES, BadSample
from gcl_spec.data.source import Source
from gcl_spec.errors import DataError
from gcl_spec.objective import in_order, name_parts
from gcl_spec.progress import Quiet, Reporter
from gcl_spec.tasks.folder import has_tasks, read_tasks
from gcl_spec.tasks.held_out import hold_out

__all__ = ["Findings", "check_data"]

_LETTERS = 3  # a caption of fewer letters and digits says nothing


@dataclass(frozen=True, slots=True)
class Findings:
    """The counts over the samples that were looked at."""

    name: str
    samples: int
    looked_at: int
    contents: Mapping[str, int]
    """The numbers of samples by all the modalities that they have, such as "image+text"."""
    both: int
    image_only: int
    text_only: int
    bad: tuple[BadSample, ...]
    """Malformed rows, and pictures or videos that cannot be read or are too large."""
    huge: int
    """Pictures over Pillow's limit of pixels."""
    largest: int
    """Pixels of the largest picture that can be read."""
    repeated_captions: int
    """Samples with a caption that another sample has, too."""
    repeated_images: int
    captions: int
    truncated: int
    """Captions of more than `max_tokens` tokens of the model's own tokenizer; 0 for vectors."""
    near_empty: int
    """Captions of fewer than 3 letters and digits."""
    overlap_images: int
    """Samples whose picture is in an evaluation task of the same data, byte for byte; where data is
    vectors, only samples that are trained on count."""
    overlap_captions: int
    negatives: FalseNegatives
    batch_size: int
    max_tokens: int
    warnings: tuple[str, ...]
    notes: tuple[str, ...]
    """Texts on what is read under another name, left out or not used, which may be as intended."""

    def problems(self, max_bad: float) -> list[str]:
        """Lines on what must be mended before training; there are none where all is well."""
        lines = list(self.warnings)
        if len(self.bad) > max_bad * self.looked_at:
            lines.append(
                f"{len(self.bad)} of {self.looked_at} samples are bad, more than data.max_bad = "
                f"{max_bad:g} allows: training would stop"
            )
        if not any(len(name_parts(name)) > 1 for name in self.contents):
            what = "both an image and a caption"
            if not {*self.contents} <= {"image", "text"}:
                what = "two modalities"
            lines.append(f"no sample has {what}: there is no pair to learn")
        if self.batch_size > self.samples:
            lines.append(f"train.batch_size = {self.batch_size} is more than there are samples")
        if self.overlap_images:
            lines.append(
                f"{self.overlap_images} samples have a picture of an evaluation task: its result "
                "would be too good"
            )
        return lines

    def to_json(self) -> dict[str, Any]:
        """The findings as plain dicts and lists."""
        return asdict(self)


def check_data(
    config: Config, *, sample: int | None = None, seed: int = 0, reporter: Reporter | None = None
) -> Findings:
    """Look at all samples of `config.data`, or at `sample` of them, drawn without repetition.

    Every picture, and the frames of every video, are decoded and made what the model takes. Shares
    and rates of false negatives of a draw are estimates of those of all samples.

    Args:
        config: the options of a run.
        sample: how many samples to look at; all of them when not given.
        seed: the seed of the draw.
        reporter: hears of progress.

    Raises:
        DataError: there is no data, or it is unusable as a whole.
        ConfigError: an option takes more memory than there is.
    """
    reporter = reporter or Quiet()
    check_memory(config)
    source = source_of(config)
    numbers = _drawn(len(source), sample, seed)
    looks = list(look_at(source, numbers.tolist(), config, reporter))
    good = [look for look in looks if look.bad is None]
    contents = _contents(good)
    texts = [text for look in good for text in look.texts]
    tokenizer = None if config.model.kind == "adapter" else tokenizer_of(config)
    is_files = not isinstance(source, VectorSource)
    tested = _tested(source, config)
    trained = [looks[n] for n in np.flatnonzero(tested.trained[numbers])]
    return Findings(
        name=source.name,
        samples=len(source),
        looked_at=len(looks),
        contents=contents,
        both=contents.get("image+text", 0),
        image_only=contents.get("image", 0),
        text_only=contents.get("text", 0),
        bad=tuple(look.bad for look in looks if look.bad is not None),
        huge=sum(look.huge for look in looks),
        largest=max((look.pixels for look in good), default=0),
        repeated_captions=_repeated([frozenset(look.texts) for look in good]),
        repeated_images=_repeated([frozenset(look.images) for look in good]),
        captions=len(texts),
        truncated=tokenizer.count_cut(texts) if tokenizer and is_files else 0,
        near_empty=sum(sum(map(str.isalnum, text)) < _LETTERS for text in texts),
        overlap_images=sum(not tested.images.isdisjoint(look.images) for look in trained),
        overlap_captions=sum(not tested.texts.isdisjoint(look.texts) for look in trained),
        negatives=false_negatives((look.answer, look.asked, look.concept) for look in good),
        batch_size=config.train.batch_size,
        max_tokens=tokenizer.max_tokens if tokenizer else 0,
        warnings=(*source.warnings, *tested.warnings, *_of_texts(config, tokenizer, texts)),
        notes=(*source.notes, *tested.notes),
    )


def _drawn(count: int, sample: int | None, seed: int) -> IntArray:
    """The numbers, ascending, of the samples that are looked at: all, or `sample` drawn ones."""
    if sample is None or sample >= count:
        return np.arange(count)
    return np.sort(np.random.default_rng(seed).choice(count, sample, replace=False))


def _contents(looks: list[Look]) -> dict[str, int]:
    """The numbers of samples by all the modalities that they have."""
    counts = Counter("+".join(sorted(look.given)) for look in looks)
    return {name: counts[name] for name in in_order(counts)}


def _of_texts(config: Config, tokenizer: Tokenizer | None, texts: list[str]) -> list[str]:
    """Lines on what is wrong between the texts, the tokenizer and the model."""
    count, why = (0, "") if tokenizer is None else tokenizer.unknown_in(texts)
    past = [f"{count} captions have a token that the model does not know: {why}"] if count else []
    return [*text_warnings(config), *past]


def _repeated(sets: list[frozenset[Any]]) -> int:
    """The number of sets that share an element with another."""
    counts = Counter(x for members in sets for x in members)
    return sum(any(counts[x] > 1 for x in members) for members in sets)


@dataclass(frozen=True)
class _Tested:
    """Digests of pictures, and texts, of the evaluation tasks that lie with the data."""

    images: set[bytes]
    texts: set[str]
    trained: BoolArray
    """Is a sample trained on? Shape (N,)."""
    warnings: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def _tested(source: Source, config: Config) -> _Tested:
    if isinstance(source, VectorSource):
        return _held_out(source, config)
    root = data_root(config.data.path)
    folders = [folder for folder in ("tasks", "val_tasks") if has_tasks(root, folder)]
    tasks = [task for folder in folders for task in read_tasks(root, folder)]
    notes = tuple(note for task in tasks for note in task.notes)
    tested = _Tested(set(), set(), np.ones(len(source), bool), notes=notes)
    for item in (item for task in tasks for item in (*task.queries, *task.candidates)):
        if item.text is not None:
            tested.texts.add(item.text)
        for file in filter(None, map(item.get, FILES)):
            tested.images.add(hashlib.sha256(root.read_bytes(file)).digest())
    return tested


def _held_out(source: VectorSource, config: Config) -> _Tested:
    try:
        train, tasks = hold_out(source, config.data.holdout, config.model.modalities)
    except DataError as error:
        return _Tested(set(), set(), np.ones(len(source), bool), (str(error),))
    items = [item for task in tasks for item in task.candidates]
    rows = {kind: [getattr(item, kind) for item in items] for kind in ("image", "text")}
    images, texts = (
        [hashlib.sha256(source.row(kind, row).tobytes()) for row in references if row is not None]
        for kind, references in rows.items()
    )
    return _Tested(
        {hasher.digest() for hasher in images},
        {hasher.hexdigest() for hasher in texts},
        np.isin(source.numbers, train.numbers),
    )
