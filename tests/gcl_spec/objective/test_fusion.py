"""The weights of unit rows that give the fusion of rows of any norm."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gcl_spec.objective import CLIP, GCL, fusion_weights, ratio_weights, shares_of_first


def test_norms_are_the_weights_of_fused_modalities_alone() -> None:
    norms = {"image": np.asarray([1.0, 2.0]), "text": np.asarray([3.0, 4.0])}
    found = fusion_weights(GCL, norms)
    assert list(found) == ["image+text"]
    assert [x.tolist() for x in found["image+text"]] == [[1.0, 2.0], [3.0, 4.0]]
    assert fusion_weights(CLIP, norms) == {}


NAMES = ("image+text", "audio+text")


@given(st.lists(st.floats(-20, 20), min_size=2, max_size=2))
def test_the_weights_of_a_ratio(logs: list[float]) -> None:
    found = ratio_weights(np.asarray(logs), NAMES, xp=np)
    assert list(found) == list(NAMES)
    for (a, b), log in zip(found.values(), logs, strict=True):
        assert a / b == pytest.approx(np.exp(log))
        assert a * b == pytest.approx(1)
    shares = shares_of_first(found)
    assert shares["fuse/audio+text"] == pytest.approx(1 / (1 + np.exp(-logs[1])))


def test_no_ratio_gives_no_weights() -> None:
    assert ratio_weights(None, NAMES, xp=np) == {}
    assert shares_of_first({}) == {}
