"""The items of which ranges are learnt come from everywhere."""

from gcl_spec.embed.entry import Entry
from gcl_spec.index.spread import SAMPLED, spread


class Numbers:
    """A listing of numbered texts, of which one cannot be indexed."""

    def __init__(self, count: int) -> None:
        self._count = count

    def __len__(self) -> int:
        return self._count

    def entries(self, part: slice, /) -> list[Entry]:
        return [
            Entry(str(n), (("text", "a"),), "torn" if n == 1 else "")
            for n in range(self._count)[part]
        ]


def test_all_of_few_and_some_of_many() -> None:
    assert [x.id for x in spread(Numbers(5))] == ["0", "2", "3", "4"]
    found = [int(x.id) for x in spread(Numbers(10 * SAMPLED + 3))]
    assert len(found) == len(set(found)) == SAMPLED - 1
    assert found == sorted(found)
    for tenth in range(10):
        share = [x for x in found if x // SAMPLED == tenth]
        assert len(share) >= SAMPLED // 20
