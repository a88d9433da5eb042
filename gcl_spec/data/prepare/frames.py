"""Frames of videos, decoded by PyAV, at the places that a rule chooses."""

from collections.abc import Callable, Sequence
from io import BytesIO
from typing import Any

import numpy as np
import numpy.typing as npt

from gcl_spec._words import LFS_POINTER, is_lfs_pointer, one_line
from gcl_spec.errors import DataError, MissingFrameworkError

__all__ = ["FRAMES_VERSION", "Frame", "read_frames"]

Frame = npt.NDArray[np.uint8]
"""One frame: red, green and blue, (H, W, 3)."""

# This enters the key of cached frames: raise it whenever `read_frames` gives other frames.
FRAMES_VERSION = 1

_MOST_PIXELS = 2**26
"""The most pixels of a frame, so that all fit in memory; films for cinemas have 2^23."""
_MOST_FRAMES = 10**6


def read_frames(content: bytes, choose: Callable[[int], Sequence[int]], where: str) -> list[Frame]:
    """The chosen frames of a video, in the order of time.

    Packets are counted first, without decoding; where fewer frames than packets can be decoded, the
    choice is made again among those. Frames are decoded from the beginning, since places are exact
    in no other way. They are turned, in quarters, as the file asks of a player, since telephones
    store what was held upright as lying, with a note.

    Args:
        content: the bytes of a file in any format that FFmpeg reads.
        choose: gives the numbers of the wanted frames, ascending, of the number of all.
        where: the name of the video, for errors.

    Returns:
        One frame for each number.

    Raises:
        DataError: there is no video in it, none of its frames can be decoded, or it is too large.
        MissingFrameworkError: PyAV is not installed.
    """
    if is_lfs_pointer(content):
        raise DataError(f"{where}: {LFS_POINTER}")
    try:
        import av
    except ImportError as error:
        raise MissingFrameworkError(
            f"{where}: videos need PyAV: pip install 'gcl-spec[video]' ({error})"
        ) from error
    try:
        count = _packets(av, content, where)
        frames, decoded = _frames(av, content, choose(count))
        if decoded is not None and decoded < count:
            count = decoded
            frames, _ = _frames(av, content, choose(count)) if count else ([], 0)
    except DataError:
        raise
    except (av.error.FFmpegError, ValueError, EOFError) as error:
        raise DataError(
            f"{where}: not a readable video ({_said(error)}); convert it, for example by "
            "ffmpeg -i FILE OUT.mp4"
        ) from error
    if not count:
        raise DataError(f"{where}: a video without a frame that can be decoded; fetch it again")
    return frames


def _said(error: Exception) -> str:
    return one_line(getattr(error, "strerror", None) or error)[:80]


def _packets(av: Any, content: bytes, where: str) -> int:
    """How many frames the file says it has, by its packets."""
    with av.open(BytesIO(content), "r") as file:
        stream = file.streams.best("video")  # a picture of the cover is a stream, too
        if stream is None:
            raise DataError(f"{where}: a file without video; wanted one with pictures that move")
        context = stream.codec_context
        if (context.width or 0) * (context.height or 0) > _MOST_PIXELS:
            raise DataError(
                f"{where}: frames of {context.width} x {context.height}; at most {_MOST_PIXELS:,} "
                "pixels are read, so make it smaller"
            )
        count = 0
        for packet in file.demux(stream):
            count += bool(packet.size)
            if count > _MOST_FRAMES:
                raise DataError(f"{where}: more than {_MOST_FRAMES:,} frames; cut it")
        return count


def _frames(av: Any, content: bytes, wanted: Sequence[int]) -> tuple[list[Frame], int | None]:
    """The wanted frames, and how many there are where they end before the last one wanted."""
    frames: list[Frame] = []
    left = list(wanted)
    number = 0
    with av.open(BytesIO(content), "r") as file:
        # Threads that share frames, which PyAV has for the asking, may hang where a reader stops
        # early: https://github.com/PyAV-Org/PyAV/issues/1849. Those that share a frame, which it
        # has by default, may hang beside PyTorch's (issue 1962), and several videos are decoded at
        # a time in any case.
        stream = file.streams.best("video")
        stream.codec_context.thread_count = 1
        try:
            for frame in file.decode(stream):
                while left and left[0] == number:
                    frames.append(_upright(frame))
                    left.pop(0)
                number += 1
                if not left:
                    return frames, None
        except (av.error.InvalidDataError, EOFError):
            pass  # a file that was cut: what is before the cut counts
    return frames, number


def _upright(frame: Any) -> Frame:
    """The picture of a frame, turned as a player turns it; its angle is against the clock."""
    quarters = round(frame.rotation / 90)
    return np.ascontiguousarray(np.rot90(frame.to_ndarray(format="rgb24"), quarters))
