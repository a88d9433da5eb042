"""CoVR's numbers for WebVid-CoVR: https://github.com/lucas-ventura/CoVR.

It differs from `gcl_spec.recall` in this: a candidate that is left out gets the score -10 and stays
in the list, so a query whose right video is its own has the last rank; among equal scores the
candidate that stands last wins; "R1" is our hit@1 in percent, with two digits. A video that cannot
be read is a black picture there, and a missing file here.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np
import numpy.typing as npt

from gcl_spec._typing import BoolArray, FloatArray, IntArray
from gcl_spec.data.formats.covr_rows import Row
from gcl_spec.data.prepare.frame_places import FRAMES, spread_frames
from gcl_spec.errors import InputError
from gcl_spec.tasks.task import Task

__all__ = [
    "Pooling",
    "left_out_cells",
    "peer_cells",
    "peer_channels",
    "peer_metrics",
    "peer_number",
    "peer_positions",
    "peer_ranks",
    "pooled",
]

PixelArray = npt.NDArray[np.generic]
Pooling = Literal["query", "mean", "middle"]

_TEMPERATURE = 0.1
_MASKED = -10.0
_RANKS = (1, 5, 10, 50)


def pooled(frames_FD: FloatArray, scores: Sequence[float], pooling: Pooling) -> FloatArray:
    """The row of a candidate from those of its frames.

    Of more than 15 frames, 15 at even distances are taken; the peer draws 15 of them at random.

    Args:
        frames_FD: unit rows of its frames, (F, D).
        scores: a number for each frame, as `gcl_spec.data.formats.covr_rows.Row` has them, by the
            softmax of which, at temperature 0.1, the pooling "query" weighs frames; of another
            length, they are not used, and frames weigh the same.
        pooling: "query", the peer's default; "mean"; or "middle" for the middle frame alone.

    Returns:
        A unit row, (D,).

    Raises:
        InputError: there is no frame.
    """
    if frames_FD.ndim != 2 or not len(frames_FD):
        raise InputError(f"wanted the rows of frames, (F, D), not shape {frames_FD.shape}")
    frames_FD = frames_FD[spread_frames(len(frames_FD), FRAMES)]
    if pooling == "middle":
        row_D = frames_FD[len(frames_FD) // 2]
    elif pooling == "query" and len(scores) == len(frames_FD):
        logits_F = np.asarray(scores) / _TEMPERATURE
        weights_F = np.exp(logits_F - logits_F.max())
        row_D = weights_F / weights_F.sum() @ frames_FD
    else:
        row_D = frames_FD.mean(axis=0)
    unit_D: FloatArray = row_D / np.linalg.norm(row_D)
    return unit_D


def peer_positions(length: int, count: int) -> list[int]:
    """The places to which the peer's loader goes for several frames of a query's video.

    They are one before those of `spread_frames`, and are repeated where the video is too short; a
    query of the published tables has one frame, to which this does not apply.

    >>> peer_positions(2, 5)
    [-1, 0, -1, 0, -1]
    """
    places = [frame - 1 for frame in spread_frames(length, count)]
    return (places * -(-count // len(places)))[:count]


def peer_channels(frame_HWC: PixelArray, *, query: bool) -> PixelArray:
    """A frame as the peer encodes it: that of a candidate keeps OpenCV's order, blue first.

    Args:
        frame_HWC: red, green and blue, shape (H, W, 3).
        query: is it a query's frame?
    """
    return frame_HWC if query else frame_HWC[..., ::-1]


def left_out_cells(task: Task) -> BoolArray:
    """Is a candidate left out for a query? Shape (Q, C)."""
    number = {item.id: n for n, item in enumerate(task.candidates)}
    cells_QC = np.zeros((len(task.queries), len(number)), bool)
    for n, query in enumerate(task.queries):
        cells_QC[n, [number[id] for id in task.left_out.get(query.id, ())]] = True
    return cells_QC


def peer_cells(rows: Sequence[Row]) -> BoolArray:
    """The cells that the peer's code leaves out, (rows, rows).

    They are those of `left_out_cells` only where the file is sorted by pth2, since the peer
    compares ids in sorted order with rows in the file's order.
    """
    ordered = sorted(rows, key=lambda row: row.target)
    asked = np.asarray([peer_number(row.query) for row in ordered])
    targets = np.asarray([peer_number(row.target) for row in ordered])
    cells_QC: BoolArray = asked[:, None] == targets[None, :]
    return cells_QC


def peer_number(path: str) -> int:
    """The integer by which the peer compares videos: every character but digits is a 0.

    >>> peer_number("362/532116469")
    3620532116469

    Raises:
        InputError: it has more than 63 bits.
    """
    number = int(re.sub(r"\D", "0", path))
    if number >= 2**63:
        raise InputError(f"the number of video {path!r} has more than 63 bits")
    return number


def peer_ranks(scores_QC: FloatArray, cells_QC: BoolArray, right_Q: IntArray) -> IntArray:
    """The rank of every query's right candidate, from 0.

    Args:
        scores_QC: shape (Q, C).
        cells_QC: the cells that are left out, (Q, C).
        right_Q: the number of the right candidate, (Q,).

    Returns:
        Shape (Q,).
    """
    masked_QC = np.where(cells_QC, np.float32(_MASKED), scores_QC)
    order_QC = np.argsort(masked_QC, axis=1, kind="stable")[:, ::-1]
    ranks_Q: IntArray = np.argmax(order_QC == right_Q[:, None], axis=1)
    return ranks_Q


def peer_metrics(ranks_Q: IntArray) -> Mapping[str, float]:
    """R1, R5, R10 and R50 in percent, and meanR3 over the first three, meanR4 over all.

    Args:
        ranks_Q: those of `peer_ranks`, (Q,).
    """
    shares = [100 * float(np.mean(ranks_Q < k)) for k in _RANKS]
    recalls = {f"R{k}": round(share, 2) for k, share in zip(_RANKS, shares, strict=True)}
    return {
        **recalls,
        "meanR3": round(float(np.mean([*recalls.values()][:3])), 2),
        "meanR4": round(float(np.mean([*recalls.values()])), 2),
    }
