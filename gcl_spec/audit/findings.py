"""Finds what is wrong with training data before a run does."""

import hashlib
import io
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from gcl_spec._typing import BoolArray
from gcl_spec.audit.false_negatives import FalseNegatives, false_negatives
from gcl_spec.config.memory import check_memory
from gcl_spec.config.options import Config
from gcl_spec.data.formats.composed import ComposedSource, query_key
from gcl_spec.data.formats.vectors import VectorSource
from gcl_spec.data.open import data_root, source_of
from gcl_spec.data.prepare.check_checkpoint import text_warnings
from gcl_spec.data.prepare.pictures import load_image
from gcl_spec.data.prepare.recipes import preprocessing_of, tokenizer_of
from gcl_spec.data.prepare.tokenizer import Tokenizer
from gcl_spec.data.sample import BadSample
from gcl_spec.data.source import Source, row_of
from gcl_spec.errors import DataError
from gcl_spec.objective import in_order, name_parts
from gcl_spec.progress import Quiet, Reporter
from gcl_spec.tasks.folder import has_tasks, read_tasks
from gcl_spec.tasks.held_out import hold_out

__all__ = ["Findings", "check_data"]

_THREADS = 4
_CHUNK = 256
_LETTERS = 3  # a caption of fewer says nothing


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
    """Malformed rows, and pictures that cannot be read or are too large."""
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
        found = list(self.warnings)
        if len(self.bad) > max_bad * self.looked_at:
            found.append(
                f"{len(self.bad)} of {self.looked_at} samples are bad, more than data.max_bad = "
                f"{max_bad:g} allows: training would stop"
            )
        if not any(len(name_parts(name)) > 1 for name in self.contents):
            what = "both an image and a caption"
            if not {*self.contents} <= {"image", "text"}:
                what = "two modalities"
            found.append(f"no sample has {what}: there is no pair to learn")
        if self.batch_size > self.samples:
            found.append(f"train.batch_size = {self.batch_size} is more than there are samples")
        if self.overlap_images:
            found.append(
                f"{self.overlap_images} samples have a picture of an evaluation task: its result "
                "would be too good"
            )
        return found

    def to_json(self) -> dict[str, Any]:
        """The findings as plain dicts and lists."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class _Look:
    bad: BadSample | None = None
    images: tuple[bytes, ...] = ()  # digests; that of a target is behind that of its query
    texts: tuple[str, ...] = ()
    asked: tuple[str, ...] = ()  # the captions, or the whole query: who shares it asks the same
    concept: str = ""
    pixels: int = 0
    huge: bool = False
    given: tuple[str, ...] = ()

    @property
    def answer(self) -> bytes | None:
        """The digest of the picture that answers, which in a triplet is its target's."""
        return self.images[-1] if self.images else None


def check_data(
    config: Config, *, sample: int | None = None, seed: int = 0, reporter: Reporter | None = None
) -> Findings:
    """Look at all samples of `config.data`, or at `sample` of them, drawn without repetition.

    Every picture is decoded and made what the model takes. Shares and rates of false negatives of a
    draw are estimates of those of all samples.

    Args:
        config: the options of a run.
        sample: how many samples to look at; all of them when not given.
        seed: of the draw.
        reporter: hears of progress.

    Raises:
        DataError: there is no data, or it is unusable as a whole.
        ConfigError: an option takes more memory than there is.
    """
    reporter = reporter or Quiet()
    check_memory(config)
    source = source_of(config)
    numbers = np.arange(len(source))
    if sample is not None and sample < len(source):
        numbers = np.sort(np.random.default_rng(seed).choice(len(source), sample, replace=False))
    looks = list(_looks(source, numbers.tolist(), _reader(config), reporter))
    good = [look for look in looks if look.bad is None]
    counts = Counter("+".join(sorted(look.given)) for look in good)
    contents = {name: counts[name] for name in in_order(counts)}
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


def _of_texts(config: Config, tokenizer: Tokenizer | None, texts: list[str]) -> list[str]:
    """Lines on what is wrong between the texts, the tokenizer and the model."""
    count, why = (0, "") if tokenizer is None else tokenizer.unknown_in(texts)
    past = [f"{count} captions have a token that the model does not know: {why}"] if count else []
    return [*text_warnings(config), *past]


Read = Callable[[bytes, str], object]


def _reader(config: Config) -> Read:
    """A function that decodes a picture as training does."""
    if config.model.kind == "adapter":
        return lambda data, where: load_image(data, size=32, where=where)
    return preprocessing_of(config).image


def _looks(source: Source, numbers: list[int], read: Read, reporter: Reporter) -> Iterator[_Look]:
    with ThreadPoolExecutor(_THREADS) as pool:
        for start in range(0, len(numbers), _CHUNK):
            part = numbers[start : start + _CHUNK]
            yield from pool.map(lambda number: _look(source, number, read), part)
            reporter.update("samples", start + len(part), len(numbers))


def _look(source: Source, number: int, read: Read) -> _Look:
    row = row_of(source, number)
    if isinstance(row, BadSample):
        return _Look(row)
    if isinstance(source, VectorSource):
        images = tuple(hashlib.sha256(source.read_bytes(x)).digest() for x in row.pictures)
        rows = (source.row("text", text).tobytes() for text in row.captions)
        texts = tuple(hashlib.sha256(data).hexdigest() for data in rows)
        return _Look(None, images, texts, texts, row.concept, given=tuple(row.given))
    place, pixels, digests = source.place(number), 0, list[bytes]()
    try:
        for picture in row.pictures:
            data = source.read_bytes(picture)
            pixels = max(pixels, _pixels(data))
            read(data, place)
            digests.append(hashlib.sha256(data).digest())
    except DataError as error:
        return _Look(BadSample(row.id, place, str(error)), huge=pixels > _limit())
    asked = row.captions
    if isinstance(source, ComposedSource):
        key = query_key(row.image, next(iter(row.captions), None))
        asked = () if key is None else (key,)
    given = tuple(row.given)
    return _Look(None, tuple(digests), row.texts, asked, row.concept, pixels, given=given)


def _pixels(data: bytes) -> int:
    """The pixels of a picture by its header alone; 0 where that cannot be read."""
    from PIL import Image

    formats = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF")
    try:
        with Image.open(io.BytesIO(data), formats=formats) as x:
            return x.width * x.height
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        return (Image.MAX_IMAGE_PIXELS or 0) + 1
    except Exception:  # `load_image` says whatever is wrong
        return 0


def _limit() -> float:
    from PIL import Image

    return Image.MAX_IMAGE_PIXELS or float("inf")


def _repeated(sets: list[frozenset[Any]]) -> int:
    """The number of sets that share an element with another."""
    counts = Counter(x for found in sets for x in found)
    return sum(any(counts[x] > 1 for x in found) for found in sets)


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
    found = _Tested(set(), set(), np.ones(len(source), bool), notes=notes)
    for item in (item for task in tasks for item in (*task.queries, *task.candidates)):
        if item.text is not None:
            found.texts.add(item.text)
        if item.image is not None:
            found.images.add(hashlib.sha256(root.read_bytes(item.image)).digest())
    return found


def _held_out(source: VectorSource, config: Config) -> _Tested:
    try:
        train, tasks = hold_out(source, config.data.holdout, config.model.modalities)
    except DataError as error:
        return _Tested(set(), set(), np.ones(len(source), bool), (str(error),))
    items = [item for task in tasks for item in task.candidates]
    rows = {kind: [getattr(item, kind) for item in items] for kind in ("image", "text")}
    images, texts = (
        [hashlib.sha256(source.row(kind, row).tobytes()) for row in found if row is not None]
        for kind, found in rows.items()
    )
    return _Tested(
        {found.digest() for found in images},
        {found.hexdigest() for found in texts},
        np.isin(source.numbers, train.numbers),
    )
