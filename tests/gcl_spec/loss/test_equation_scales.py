"""A temperature for every direction: each direction is the one that it is at its own scale."""

import numpy as np
import pytest

from gcl_spec.loss.equation import contrastive_terms
from gcl_spec.normalize import l2_normalize
from gcl_spec.objective import PRESETS


@pytest.mark.parametrize("name", [n for n, rule in PRESETS.items() if rule.scales == "direction"])
@pytest.mark.parametrize("samples", [7, 150])
def test_each_direction_has_its_own_scale(name: str, samples: int) -> None:
    objective = PRESETS[name]
    generator = np.random.default_rng(samples)
    given = [m for m in objective.modalities if "+" not in m]
    rows = {m: l2_normalize(generator.normal(size=(samples, 8))) for m in given}
    log_scales = np.linspace(0.5, 4, len(objective.directions))
    found = contrastive_terms(rows, log_scale=log_scales, objective=objective)
    for t, log_scale in enumerate(log_scales):
        alone = contrastive_terms(rows, log_scale=log_scale, objective=objective)
        np.testing.assert_allclose(found.values[t], alone.values[t], rtol=1e-12, atol=1e-14)
