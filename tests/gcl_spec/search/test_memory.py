"""A memory budget in words, and its division."""

import pytest

from gcl_spec.errors import ConfigError, InputError
from gcl_spec.search.memory import memory_bytes, plan


def test_sizes() -> None:
    texts = ("2GB", "1.5 gib", "100", "7 kB", "3M")
    assert [memory_bytes(x) for x in texts] == [2 * 10**9, 3 * 2**29, 100, 7000, 3 * 10**6]
    for text in ("", "GB", "-1GB", "1TB", "1 G B"):
        with pytest.raises(ConfigError, match="wanted one such as 1GB"):
            memory_bytes(text)


def test_more_memory_is_never_smaller_chunks() -> None:
    plans = [plan(n * 10**7, 1000, 512, 100, 4) for n in (15, 20, 40, 80, 160)]
    assert [x.rows for x in plans] == sorted(x.rows for x in plans)
    assert plans[-1].rows == 8192
    with pytest.raises(InputError, match=r"100 candidates each needs more memory than 5 MB; give"):
        plan(5 * 10**6, 1000, 512, 100, 4)


def test_the_advice_is_enough() -> None:
    with pytest.raises(InputError) as refused:
        plan(1, 3000, 64, 10, 8)
    least = int(str(refused.value).split("about ")[1].split()[0])
    assert plan(least * 10**6, 3000, 64, 10, 8).rows >= 1


def test_two_chunks_and_what_is_made_of_them_have_room() -> None:
    """While a chunk is compared, the next one is read."""
    for memory, queries, width, itemsize in ((2 * 10**7, 9, 2000, 4), (6 * 10**7, 700, 300, 8)):
        found = plan(memory, queries, width, 10, itemsize)
        chunks = 2 * found.rows * width * (itemsize + 4)  # as stored, and scaled in float32
        products = found.rows * min(queries, found.block) * 4
        assert 16 < found.rows < 8192
        assert chunks + products <= memory
