"""Which frames of a video a model sees: the rules of WebVid-CoVR (arXiv 2308.14746)."""

from itertools import pairwise
from pathlib import PurePath

import numpy as np

__all__ = ["FRAMES", "VIDEO_ENDINGS", "is_video", "middle_frame", "repeated", "spread_frames"]

FRAMES = 15
"""How many frames of a candidate CoVR encodes, at most."""

VIDEO_ENDINGS = (".mp4", ".webm", ".mkv", ".mov", ".avi", ".m4v", ".mpg", ".mpeg")
"""The ends of names by which a file is taken for a video."""


def is_video(path: str) -> bool:
    """Does a name say that its file is a video?

    >>> is_video("a/b.MP4"), is_video("a.png"), is_video("mp4")
    (True, False, False)
    """
    # A picture may stand in the place of its path, as base64 of millions of letters.
    return PurePath(path[-16:]).suffix.lower() in VIDEO_ENDINGS


def middle_frame(length: int) -> int:
    """The number of the frame of `length` that stands for the whole video, as in CoVR's queries."""
    return length // 2


def spread_frames(length: int, most: int = FRAMES) -> list[int]:
    """The numbers of at most `most` of `length` frames: the middles of stretches of equal length.

    >>> spread_frames(7, 3), spread_frames(2, 3)
    ([0, 2, 5], [0, 1])
    """
    count = min(most, length)
    edges = np.linspace(0, length, count + 1).astype(int).tolist()
    return [(start + end - 1) // 2 for start, end in pairwise(edges)]


def repeated(count: int, wanted: int) -> list[int]:
    """The places, among `count` frames, of `wanted` ones: again from the first where they end.

    CoVR's loader repeats the frames of a video that is too short in this way.

    >>> repeated(2, 5), repeated(3, 3)
    ([0, 1, 0, 1, 0], [0, 1, 2])
    """
    return [place % count for place in range(wanted)]
