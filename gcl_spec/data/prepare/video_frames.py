"""Frames of videos as pictures of the model's size, decoded once and then taken from a cache."""

import hashlib
from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt

from gcl_spec.data.prepare.frame_cache import FrameCache
from gcl_spec.data.prepare.frame_places import middle_frame, repeated, spread_frames
from gcl_spec.data.prepare.frames import FRAMES_VERSION, read_frames
from gcl_spec.data.prepare.pictures import ImageInput

__all__ = ["VideoFrames"]

Pixels = npt.NDArray[np.uint8]


class _Pictures(Protocol):
    @property
    def key(self) -> str: ...

    def pixels(self, image: ImageInput, where: str, /) -> Pixels: ...


class VideoFrames:
    """Makes the pictures that a model sees of a video.

    Several threads may ask at once; each decodes with one thread of its own.

    Args:
        pictures: makes a picture of the model's size, (H, W, 3) uint8, of any other.
        count: how many frames of a video are seen, F.
        cache: keeps what was made; without it videos are decoded each time.
    """

    def __init__(self, pictures: _Pictures, count: int, cache: FrameCache | None = None) -> None:
        self._pictures, self._count, self._cache = pictures, count, cache

    def spread(self, content: bytes, where: str) -> Pixels:
        """F frames of a video, (F, H, W, 3) uint8, repeated where it is too short.

        Args:
            content: the file.
            where: its name, for errors.

        Raises:
            DataError: it cannot be decoded.
        """
        frames = self.distinct(content, where)
        return frames[repeated(len(frames), self._count)]

    def distinct(self, content: bytes, where: str) -> Pixels:
        """At most F frames, as `spread` takes them, but fewer where a video is too short."""
        rule = f"spread={self._count}"
        return self._made(content, rule, lambda n: spread_frames(n, self._count), where)

    def middle(self, content: bytes, where: str) -> Pixels:
        """The frame in the middle of a video, (H, W, 3) uint8; arguments are those of `spread`."""
        (frame,) = self._made(content, "middle", lambda n: [middle_frame(n)], where)
        return np.asarray(frame)

    def _made(
        self, content: bytes, rule: str, choose: Callable[[int], Sequence[int]], where: str
    ) -> Pixels:
        if self._cache is None:
            return self._decoded(content, choose, where)
        key = f"{rule} {FRAMES_VERSION} {self._pictures.key}"
        name = hashlib.sha256(content).hexdigest()
        frames = self._cache.get(key, name)
        if frames is None:
            frames = self._decoded(content, choose, where)
            self._cache.put(key, name, frames)
        return frames

    def _decoded(
        self, content: bytes, choose: Callable[[int], Sequence[int]], where: str
    ) -> Pixels:
        frames = read_frames(content, choose, where)
        return np.stack([self._pictures.pixels(frame, where) for frame in frames])
