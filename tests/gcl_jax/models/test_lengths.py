"""Few lengths of texts are compiled, and a shorter pass gives the rows that a long one gives."""

from typing import Any

import numpy as np
import pytest

from gcl_jax.models.lengths import even_lengths, in_two_lengths, lengths_of, longest_last

MOST = 64


def texts(lengths: list[int], columns: int = MOST) -> dict[str, Any]:
    mask = (np.arange(columns) < np.asarray(lengths)[:, None]).astype(np.int32)
    ids = np.random.default_rng(0).integers(1, 99, mask.shape, dtype=np.int32) * mask
    return {"text/input_ids": ids, "text/attention_mask": mask}


@pytest.mark.parametrize("most", [3, 8, 16, 17, 32, 64, 77, 512])
def test_there_are_three_lengths_at_most(most: int) -> None:
    found = lengths_of(most)
    assert found[-1] == most
    assert len(found) <= 3
    seen = set()
    for length in range(1, most + 1):
        inputs = even_lengths(texts([1, length], length), most)
        assert all(x.shape == inputs["text/input_ids"].shape for x in inputs.values())
        assert inputs["text/attention_mask"].sum() == 1 + length
        seen.add(inputs["text/input_ids"].shape[1])
    assert seen == set(found)


def test_the_longest_of_all_processes_decides_and_a_longer_one_is_left_alone() -> None:
    inputs = even_lengths(texts([5], 5), MOST, lambda length: length + 30)
    assert inputs["text/input_ids"].shape == (1, 64)
    assert even_lengths(texts([70], 70), MOST)["text/input_ids"].shape == (1, 70)
    images = {"image/pixels": np.zeros(3)}
    assert even_lengths(images, MOST) is images
    assert longest_last(images, MOST) is images


def pooled(seen: list[tuple[int, ...]]) -> Any:
    def tower(ids: Any, mask: Any) -> Any:
        seen.append(ids.shape)
        return (ids * mask * np.arange(1, 1 + ids.shape[1])).sum(axis=1, keepdims=True)

    return tower


@pytest.mark.parametrize(
    ("lengths", "columns", "shapes"),
    [
        ([64, 3, 20, 32, 9, 40], 64, [(4, 32), (2, 64)]),
        ([1, 0, 64], 64, [(2, 32), (1, 64)]),
        ([33, 64, 3, 20, 32, 9], 64, [(4, 32), (2, 64)]),
        ([33, 64, 3, 20, 34, 35], 64, [(6, 64)]),
        ([30, 2, 16], 32, [(2, 16), (1, 32)]),
        ([16, 2, 3], 16, [(3, 16)]),
        ([64], 64, [(1, 64)]),
        ([70, 1, 1], 70, [(3, 70)]),
    ],
)
def test_rows_are_those_of_the_whole_pass_in_the_order_of_the_samples(
    lengths: list[int], columns: int, shapes: list[tuple[int, int]]
) -> None:
    inputs = texts(lengths, columns)
    seen: list[tuple[int, ...]] = []
    want = pooled([])(*inputs.values())
    found = in_two_lengths(pooled(seen), longest_last(inputs, MOST))
    np.testing.assert_array_equal(found, want)
    assert seen == shapes


def test_a_text_with_padding_before_it_keeps_its_tokens() -> None:
    inputs = texts([4, 4, 64])
    inputs = {name: np.concatenate([x[:2, ::-1], x[2:]]) for name, x in inputs.items()}
    assert "text/place" not in longest_last(inputs, MOST)
