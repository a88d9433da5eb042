"""The settings that are measured beside GCL are ones that the loss takes."""

import numpy as np
import pytest

from gcl_spec.bench.measure import draw
from gcl_spec.loss.equation import contrastive_loss
from gcl_spec.loss.settings import FAMILY


@pytest.mark.parametrize("name", FAMILY)
def test_numbers_have_the_shapes_that_the_objective_wants(name: str) -> None:
    inputs, setting = draw(4, 3), FAMILY[name]
    rows = {"image": inputs.image_BD, "text": inputs.text_BD}
    scale, bias = setting.log_scale(float(inputs.log_scale)), setting.bias()
    loss = contrastive_loss(rows, log_scale=scale, objective=setting.objective, bias=bias)
    assert np.isfinite(loss)
    assert scale.shape == setting.scales
    assert bias is None or not bias.any()
