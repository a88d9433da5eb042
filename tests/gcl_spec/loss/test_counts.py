"""Numbers of candidates, against counting."""

import array_api_strict
import numpy as np
import pytest

from gcl_spec.loss.counts import Counts


@pytest.mark.parametrize("xp", [np, array_api_strict])
@pytest.mark.parametrize("some", [False, True])
@pytest.mark.parametrize("alike", [False, True])
def test_counts_are_those_of_a_loop(xp: object, some: bool, alike: bool) -> None:
    generator = np.random.default_rng(0)
    present = generator.random((2, 9)) > 0.4 if some else np.ones((2, 9), bool)
    ids = generator.integers(-2, 2, 9) if alike else np.arange(9)
    rows = xp.asarray(np.zeros((9, 1)))  # type: ignore[attr-defined]
    flags = xp.asarray(present) if some else None  # type: ignore[attr-defined]
    numbers = xp.asarray(ids) if alike else None  # type: ignore[attr-defined]
    counts = Counts(rows, flags, numbers, xp)
    for m in range(2):
        same = [present[m][ids == ids[j]].sum() for j in range(9)]
        assert [float(x) for x in counts.alike(m)] == same
        assert [float(x) for x in counts.others(m)] == [present[m].sum() - n for n in same]
        assert [float(x) for x in counts.own(m)] == present[m].tolist()
