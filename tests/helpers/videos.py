"""Small videos, made where they are needed."""

import struct
from collections.abc import Sequence
from io import BytesIO

import av
import numpy as np
import numpy.typing as npt


def video_of(
    levels: Sequence[int] | Sequence[npt.NDArray[np.uint8]],
    *,
    side: tuple[int, int] = (32, 48),
    format: str = "mp4",
) -> bytes:
    """A file with a grey frame of each level, or with frames of (H, W, 3)."""
    made = BytesIO()
    with av.open(made, "w", format=format) as file:
        stream = file.add_stream("mpeg4", rate=10)
        stream.height, stream.width = side
        stream.pix_fmt = "yuv420p"
        for level in levels:
            picture = np.full((*side, 3), level, np.uint8)
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            file.mux(stream.encode(frame))
        file.mux(stream.encode())
    return made.getvalue()


def turned(video: bytes, quarters: int) -> bytes:
    """An mp4 that a player shall turn by so many quarters, with the clock.

    Its track's matrix maps (x, y), y downwards, to (a x + c y, b x + d y), in fractions of 2**16:
    https://developer.apple.com/documentation/quicktime-file-format/track_header_atom
    """
    a, b = [(1, 0), (0, 1), (-1, 0), (0, -1)][quarters % 4]
    matrix = struct.pack(">9i", *(x << 16 for x in (a, b, 0, -b, a, 0, 0, 0)), 1 << 30)
    start = video.index(b"tkhd") + 44
    return video[:start] + matrix + video[start + len(matrix) :]


def sound() -> bytes:
    """A file with half a second of silence and no picture."""
    made = BytesIO()
    with av.open(made, "w", format="wav") as file:
        stream = file.add_stream("pcm_s16le", rate=8000, layout="mono")
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 4000), np.int16), "s16", "mono")
        frame.sample_rate = 8000
        file.mux(stream.encode(frame))
        file.mux(stream.encode())
    return made.getvalue()
