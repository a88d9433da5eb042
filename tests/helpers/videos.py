"""Small videos, made where they are needed."""

from collections.abc import Sequence
from io import BytesIO

import av
import numpy as np


def video_of(
    levels: Sequence[int], *, side: tuple[int, int] = (32, 48), format: str = "mp4"
) -> bytes:
    """A file with a grey frame of each level."""
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
