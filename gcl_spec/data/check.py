"""What is wrong with training data, found before a run is."""

import hashlib
import io
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from gcl_spec.benchmarks.folder import read_tasks
from gcl_spec.config import Config
from gcl_spec.data.bad import BadSample
from gcl_spec.data.batches import row_of
from gcl_spec.data.false_negatives import FalseNegatives, false_negatives
from gcl_spec.data.images import load_image
from gcl_spec.data.preprocess import tokenizer_of
from gcl_spec.data.root import Root
from gcl_spec.data.source import Source
from gcl_spec.data.sources import data_root, open_source
from gcl_spec.data.vectors import VectorSource
from gcl_spec.errors import DataError
from gcl_spec.progress import Quiet, Reporter

__all__ = ["Findings", "check"]

_THREADS = 4
_CHUNK = 256
_LETTERS = 3  # fewer say nothing


@dataclass(frozen=True, slots=True)
class Findings:
    """Counts over the samples that were looked at."""

    name: str
    samples: int
    looked_at: int
    both: int
    image_only: int
    text_only: int
    bad: tuple[BadSample, ...]
    """Malformed rows and pictures that cannot be read, those that are too large among them."""
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
    """Samples whose picture is in an evaluation task of the same data, byte for byte."""
    overlap_captions: int
    negatives: FalseNegatives
    batch_size: int
    max_tokens: int
    warnings: tuple[str, ...]

    def problems(self, max_bad: float) -> list[str]:
        """What must be mended before training; nothing where all is well."""
        found = list(self.warnings)
        if len(self.bad) > max_bad * self.looked_at:
            found.append(
                f"{len(self.bad)} of {self.looked_at} samples are bad, more than data.max_bad = "
                f"{max_bad:g} allows: training would stop"
            )
        if self.both == 0:
            found.append("no sample has both an image and a caption: there is no pair to learn")
        if self.batch_size > self.samples:
            found.append(f"train.batch_size = {self.batch_size} is more than there are samples")
        if self.overlap_images:
            found.append(
                f"{self.overlap_images} samples have a picture of an evaluation task: its result "
                "would be too good"
            )
        return found

    def to_json(self) -> dict[str, Any]:
        """Plain dicts and lists."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class _Look:
    bad: BadSample | None = None
    image: bytes | None = None
    captions: tuple[str, ...] = ()
    pixels: int = 0
    huge: bool = False


def check(
    config: Config, *, sample: int | None = None, seed: int = 0, reporter: Reporter | None = None
) -> Findings:
    """Look at all samples of `config.data`, or at `sample` of them, drawn without repetition.

    Every picture is decoded. Shares and the rates of false negatives of a draw are estimates of
    those of all.

    Raises:
        DataError: no data, or unusable as a whole.
    """
    reporter = reporter or Quiet()
    source = open_source(config.data)
    numbers = np.arange(len(source))
    if sample is not None and sample < len(source):
        numbers = np.sort(np.random.default_rng(seed).choice(len(source), sample, replace=False))
    looks = list(_looks(source, numbers.tolist(), reporter))
    good = [look for look in looks if look.bad is None]
    texts = [text for look in good for text in look.captions]
    tokenizer = None if config.model.kind == "adapter" else tokenizer_of(config)
    is_files = not isinstance(source, VectorSource)
    images, captions = _tested(data_root(config.data.path)) if is_files else (set(), set())
    return Findings(
        name=source.name,
        samples=len(source),
        looked_at=len(looks),
        both=sum(look.image is not None and bool(look.captions) for look in good),
        image_only=sum(not look.captions for look in good),
        text_only=sum(look.image is None for look in good),
        bad=tuple(look.bad for look in looks if look.bad is not None),
        huge=sum(look.huge for look in looks),
        largest=max((look.pixels for look in good), default=0),
        repeated_captions=_repeated([frozenset(look.captions) for look in good]),
        repeated_images=_repeated([frozenset([look.image] if look.image else []) for look in good]),
        captions=len(texts),
        truncated=tokenizer.count_cut(texts) if tokenizer and is_files else 0,
        near_empty=sum(sum(map(str.isalnum, text)) < _LETTERS for text in texts),
        overlap_images=sum(look.image in images for look in good),
        overlap_captions=sum(not captions.isdisjoint(look.captions) for look in good),
        negatives=false_negatives((look.image, look.captions) for look in good),
        batch_size=config.train.batch_size,
        max_tokens=tokenizer.max_tokens if tokenizer else 0,
        warnings=source.warnings,
    )


def _looks(source: Source, numbers: list[int], reporter: Reporter) -> Iterator[_Look]:
    with ThreadPoolExecutor(_THREADS) as pool:
        for start in range(0, len(numbers), _CHUNK):
            part = numbers[start : start + _CHUNK]
            yield from pool.map(lambda number: _look(source, number), part)
            reporter.update("samples", start + len(part), len(numbers))


def _look(source: Source, number: int) -> _Look:
    row = row_of(source, number)
    if isinstance(row, BadSample):
        return _Look(row)
    if isinstance(source, VectorSource):
        image = None if row.image is None else source.read_bytes(row.image)
        digests = (source.row("text", text).tobytes() for text in row.captions)
        texts = tuple(hashlib.sha256(data).hexdigest() for data in digests)
        return _Look(image=image and hashlib.sha256(image).digest(), captions=texts)
    if row.image is None:
        return _Look(captions=row.captions)
    place, pixels = source.place(number), 0
    try:
        data = source.read_bytes(row.image)
        pixels = _pixels(data)
        load_image(data, size=32, where=place)
    except DataError as error:
        return _Look(BadSample(row.id, place, str(error)), huge=pixels > _limit())
    return _Look(image=hashlib.sha256(data).digest(), captions=row.captions, pixels=pixels)


def _pixels(data: bytes) -> int:
    """By the header alone; 0 where it cannot be read."""
    from PIL import Image

    limit = Image.MAX_IMAGE_PIXELS
    try:
        with Image.open(
            io.BytesIO(data), formats=("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF")
        ) as x:
            return x.width * x.height
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        return (limit or 0) + 1
    except Exception:  # whatever is wrong, `load_image` says it
        return 0


def _limit() -> float:
    from PIL import Image

    return Image.MAX_IMAGE_PIXELS or float("inf")


def _repeated(sets: list[frozenset[Any]]) -> int:
    """How many of the sets share an element with another."""
    counts = Counter(x for found in sets for x in found)
    return sum(any(counts[x] > 1 for x in found) for found in sets)


def _tested(root: Root) -> tuple[set[bytes], set[str]]:
    """Digests of pictures, and texts, of the evaluation tasks that lie with the data."""
    images: set[bytes] = set()
    texts: set[str] = set()
    for folder in ("tasks", "val_tasks"):
        if not root.folders(folder):
            continue
        for task in read_tasks(root, folder):
            for item in (*task.queries, *task.candidates):
                if item.text is not None:
                    texts.add(item.text)
                if item.image is not None:
                    images.add(hashlib.sha256(root.read_bytes(item.image)).digest())
    return images, texts
