"""Looks at the samples of training data one by one, as a run would read them."""

import hashlib
import io
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from gcl_spec.config.options import Config
from gcl_spec.data.formats.composed import ComposedSource, query_key
from gcl_spec.data.formats.vectors import VectorSource
from gcl_spec.data.prepare.frame_places import is_video
from gcl_spec.data.prepare.pictures import load_image
from gcl_spec.data.prepare.recipes import preprocessing_of
from gcl_spec.data.prepare.video_frames import VideoFrames
from gcl_spec.data.sample import FILES, BadSample
from gcl_spec.data.source import Source, row_of
from gcl_spec.errors import DataError
from gcl_spec.models.frames import VIDEO
from gcl_spec.progress import Reporter

__all__ = ["Look", "look_at"]

_THREADS = 4
_CHUNK = 256


@dataclass(frozen=True, slots=True)
class Look:
    """The findings on one sample; `bad` says why it cannot be used."""

    bad: BadSample | None = None
    images: tuple[bytes, ...] = ()  # their digests; a target's is behind its query's
    texts: tuple[str, ...] = ()
    asked: tuple[str, ...] = ()  # the captions or query; samples that share one ask the same
    concept: str = ""
    pixels: int = 0
    huge: bool = False
    given: tuple[str, ...] = ()

    @property
    def answer(self) -> bytes | None:
        """The digest of the picture that answers, which in a triplet is its target's."""
        return self.images[-1] if self.images else None


Read = Callable[[bytes, str, bool], object]
"""A function of content, name and "is it a video?" that decodes; the name is for errors."""


def look_at(
    source: Source, numbers: Sequence[int], config: Config, reporter: Reporter
) -> Iterator[Look]:
    """What each of some samples holds, or why it cannot be used.

    Args:
        source: the samples.
        numbers: their numbers.
        config: the options of a run, whose model's preprocessing pictures and videos go through.
        reporter: hears of progress.
    """
    read = _reader(config)
    with ThreadPoolExecutor(_THREADS) as pool:
        for start in range(0, len(numbers), _CHUNK):
            part = numbers[start : start + _CHUNK]
            yield from pool.map(lambda number: _look(source, number, read), part)
            reporter.update("samples", start + len(part), len(numbers))


def _reader(config: Config) -> Read:
    """A function that decodes as training does."""
    if config.model.kind == "adapter":
        return lambda data, where, _: load_image(data, size=32, where=where)
    pictures = preprocessing_of(config)
    videos = VideoFrames(pictures, config.model.frames)

    def read(data: bytes, where: str, moves: bool) -> object:
        return videos.spread(data, where) if moves else pictures.image(data, where)

    return read


def _look(source: Source, number: int, read: Read) -> Look:
    row = row_of(source, number)
    if isinstance(row, BadSample):
        return Look(row)
    if isinstance(source, VectorSource):
        images = tuple(hashlib.sha256(source.read_bytes(x)).digest() for x in row.pictures)
        rows = (source.row("text", text).tobytes() for text in row.captions)
        texts = tuple(hashlib.sha256(data).hexdigest() for data in rows)
        return Look(None, images, texts, texts, row.concept, given=tuple(row.given))
    place, pixels, digests = source.place(number), 0, list[bytes]()
    try:
        for file in row.all_files:
            data = source.read_bytes(file)
            digest = hashlib.sha256(data).digest()
            if digest in digests:  # a picture may be the frame of a video that is looked at, too
                continue
            moves = file in row.files(VIDEO) or is_video(file)
            pixels = pixels if moves else max(pixels, _pixels(data))
            read(data, place, moves)
            digests.append(digest)
    except DataError as error:
        return Look(BadSample(row.id, place, str(error)), huge=pixels > _limit())
    asked = row.captions
    if isinstance(source, ComposedSource):
        own = (next(iter(row.given.get(name, ())), None) for name in FILES)
        key = query_key(next(iter(row.captions), None), *own)
        asked = () if key is None else (key,)
    given = tuple(row.given)
    return Look(None, tuple(digests), row.texts, asked, row.concept, pixels, given=given)


def _pixels(data: bytes) -> int:
    """The pixels of a picture by its header alone; 0 where that cannot be read."""
    from PIL import Image

    formats = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF")
    try:
        with Image.open(io.BytesIO(data), formats=formats) as x:
            return x.width * x.height
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        return (Image.MAX_IMAGE_PIXELS or 0) + 1
    except Exception:  # decoding the picture raises an error that says what is wrong
        return 0


def _limit() -> float:
    from PIL import Image

    return Image.MAX_IMAGE_PIXELS or float("inf")
