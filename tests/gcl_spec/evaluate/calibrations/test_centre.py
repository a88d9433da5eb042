"""Subtracted means, by their definitions."""

import numpy as np
from hypothesis import given, settings

from gapped_rows import MODALITIES, drawn, seeds
from gcl_spec.evaluate.calibrations.centre import CentredParts, Mean
from gcl_spec.evaluate.calibrations.rows import Rows, same_roles
from gcl_spec.normalize import l2_normalize


@settings(max_examples=10, deadline=None)
@given(seeds)
def test_means_are_0(seed: int) -> None:
    rows = drawn(seed)
    mean = Mean.fit(same_roles(rows))
    for name in MODALITIES:
        np.testing.assert_allclose(mean.centred(rows[name], "query").mean(0), 0, atol=1e-12)
        unit = mean.apply(rows[name], "candidate")
        np.testing.assert_allclose(np.linalg.norm(unit, axis=1), 1)


@settings(max_examples=10, deadline=None)
@given(seeds)
def test_parts_are_centred_before_they_are_fused(seed: int) -> None:
    rows = drawn(seed)
    cfu = CentredParts.fit(same_roles(rows))
    pair = rows["image+text"]
    image, text = (cfu.apply(Rows.single(n, pair.parts[n]), "query") for n in ("image", "text"))
    np.testing.assert_allclose(cfu.apply(pair, "query"), l2_normalize(image + text))
    # The fused row itself plays no part.
    other = Rows("image+text", -pair.whole, pair.parts)
    np.testing.assert_array_equal(cfu.apply(other, "query"), cfu.apply(pair, "query"))
