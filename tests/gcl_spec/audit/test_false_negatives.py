"""Shares of false negatives against the mean over all pairs."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from gcl_spec.audit.false_negatives import false_negatives

Rows = list[tuple[str | None, list[str], str | None]]


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["1", "2", None]),
            st.lists(st.sampled_from("abc"), max_size=3),
            st.sampled_from(["x", "y", "z", None]),
        ),
        min_size=2,
        max_size=7,
    )
)
def test_false_negatives_are_those_of_all_pairs(rows: Rows) -> None:
    """The mean over ordered pairs and over the captions that each draws."""
    sums, pairs = np.zeros(5), 0
    for i, (image, texts, concept) in enumerate(rows):
        for j, (other, candidates, another) in enumerate(rows):
            if i == j:
                continue
            pairs += 1
            same = image is not None and image == other
            draws = [(a, b) for a in texts for b in candidates]
            equal = np.mean([a == b for a, b in draws]) if draws else 0.0
            masked = 1.0 if concept is not None and concept == another else equal
            left = (1 - masked) if same else 0.0
            sums += equal, same, masked, left, masked + left
    found = false_negatives(rows)
    shares = [found.caption, found.image, found.masked, found.left, found.either]
    np.testing.assert_allclose(shares, sums / pairs, atol=1e-12)
