"""The weights of unit rows that give the fusion of rows of any norm."""

import numpy as np

from gcl_spec.objective import CLIP, GCL, fusion_weights


def test_norms_are_the_weights_of_fused_modalities_alone() -> None:
    norms = {"image": np.asarray([1.0, 2.0]), "text": np.asarray([3.0, 4.0])}
    found = fusion_weights(GCL, norms)
    assert list(found) == ["image+text"]
    assert [x.tolist() for x in found["image+text"]] == [[1.0, 2.0], [3.0, 4.0]]
    assert fusion_weights(CLIP, norms) == {}
