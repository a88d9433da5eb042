"""The meetings of a ring: every two samples of different processes are computed once, by one."""

from collections import Counter
from itertools import combinations

import pytest

from gcl_spec.loss.tiled.meetings import meetings_of

SIZES = [
    (5,),
    (4, 4),
    (1, 1),
    (0, 7),
    (7, 0),
    (3, 5, 2),
    (0, 1, 0),
    (4, 1, 6, 3),
    (0, 1, 6, 0),
    (2, 0, 3, 1, 5),
    (1, 2, 3, 4, 5, 6),
]


@pytest.mark.parametrize("sizes", SIZES)
def test_each_pair_of_samples_meets_once(sizes: tuple[int, ...]) -> None:
    met: Counter[frozenset[tuple[int, int]]] = Counter()
    for rank in range(len(sizes)):
        for meeting in meetings_of(rank, sizes):
            for i in range(sizes[rank])[meeting.mine]:
                for j in range(sizes[meeting.source])[meeting.theirs]:
                    met[frozenset({(rank, i), (meeting.source, j)})] += 1
    samples = [(rank, i) for rank, size in enumerate(sizes) for i in range(size)]
    wanted = {frozenset(pair) for pair in combinations(samples, 2) if pair[0][0] != pair[1][0]}
    assert set(met) == wanted
    assert set(met.values()) <= {1}


@pytest.mark.parametrize("sizes", SIZES)
def test_what_one_sends_the_other_awaits(sizes: tuple[int, ...]) -> None:
    every = [list(meetings_of(rank, sizes)) for rank in range(len(sizes))]
    for rank, meetings in enumerate(every):
        for step, meeting in enumerate(meetings):
            receiver = every[meeting.to][step]
            assert receiver.source == rank
            assert receiver.theirs == meeting.sent
            assert (meeting.mine == slice(0, 0)) == (meeting.theirs == slice(0, 0))


@pytest.mark.parametrize("size", [2, 3, 4, 5, 8])
def test_equal_shares_are_equal_work(size: int) -> None:
    work = []
    for rank in range(size):
        found = meetings_of(rank, [12] * size)
        work.append(sum(len(range(12)[m.mine]) * len(range(12)[m.theirs]) for m in found))
    assert set(work) == {12 * 12 * (size - 1) // 2}
