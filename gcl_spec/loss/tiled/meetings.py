"""Which processes of a ring meet, with which of their rows, so that every two samples do once.

Every process holds the rows of its own samples. At step s process r computes its rows with those of
process r + s, and sends its own to process r - s, which does the same. After half of the steps
around the ring every two processes have met. In a ring of even size the two processes of the middle
step would both compute the same pairs: there each takes one half of them.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

__all__ = ["Meeting", "meetings_of"]

_NONE = slice(0, 0)


class Meeting(NamedTuple):
    """What one process computes, receives and sends at one step; a slice may be empty."""

    source: int
    """The process that rows come from, and to which what it is owed for them goes back."""
    to: int
    """The process that the own rows go to, and from which their answer comes back."""
    mine: slice
    """The own rows that are computed with those that come."""
    theirs: slice
    """The rows of the source that come; empty just where `mine` is."""
    sent: slice
    """The own rows that go, which are the other process's `theirs`."""


def meetings_of(rank: int, sizes: Sequence[int]) -> Iterator[Meeting]:
    """The meetings of a process, one for each step, in the order in which all processes take them.

    Args:
        rank: the process.
        sizes: the number of samples of every process.

    >>> for meeting in meetings_of(2, [3, 4, 5, 6]):
    ...     print(meeting.source, meeting.to, meeting.mine, meeting.theirs, meeting.sent)
    3 1 slice(0, 5, None) slice(0, 6, None) slice(0, 5, None)
    0 0 slice(2, 5, None) slice(0, 3, None) slice(0, 2, None)
    """
    for step in range(1, len(sizes) // 2 + 1):
        source, to = (rank + step) % len(sizes), (rank - step) % len(sizes)
        mine, theirs = _computed(rank, step, sizes)
        yield Meeting(source, to, mine, theirs, _computed(to, step, sizes)[1])


def _computed(rank: int, step: int, sizes: Sequence[int]) -> tuple[slice, slice]:
    """The own rows, and those of the process met at a step, that a process computes; or none."""
    source = (rank + step) % len(sizes)
    mine, theirs = slice(0, sizes[rank]), slice(0, sizes[source])
    if 2 * step == len(sizes):  # the source meets this process, too, with the other half
        if rank < source:
            theirs = slice(0, sizes[source] // 2)
        else:
            mine = slice(sizes[rank] // 2, sizes[rank])
    if mine.start == mine.stop or theirs.start == theirs.stop:
        return _NONE, _NONE
    return mine, theirs
