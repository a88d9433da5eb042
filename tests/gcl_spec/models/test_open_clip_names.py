"""open_clip's names become transformers', and no other weight is taken."""

import numpy as np
import pytest

from gcl_spec.errors import DataError
from gcl_spec.models.open_clip_names import renamed


def test_thirds_and_projections_are_turned() -> None:
    rows = np.arange(18.0).reshape(9, 2)
    name = "transformer.resblocks.3.attn.in_proj_weight"
    found = renamed({name: rows, "visual.proj": rows, "attn_mask": rows}, "x")
    layer = "text_model.encoder.layers.3.self_attn"
    assert found.keys() == {
        *(f"{layer}.{letter}_proj.weight" for letter in "qkv"), "visual_projection.weight"
    }  # fmt: skip
    assert np.array_equal(found[f"{layer}.k_proj.weight"], rows[3:6])
    assert np.array_equal(found["visual_projection.weight"], rows.T)


@pytest.mark.parametrize(
    "name", ["visual.other", "transformer.resblocks.x.ln_1.bias", "resblocks.0.ln_1.bias"]
)
def test_other_names_are_refused(name: str) -> None:
    with pytest.raises(DataError, match="is no weight of open_clip's CLIP"):
        renamed({name: np.ones(2)}, "x")
