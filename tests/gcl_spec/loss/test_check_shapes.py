"""What the loss refuses by shape, dtype and kind of array."""

import numpy as np
import pytest
import torch

from gcl_spec.errors import InputError, InputTypeError
from gcl_spec.loss.equation import contrastive_loss, gcl_loss
from gcl_spec.loss.stacked import stacked_loss
from gcl_spec.normalize import l2_normalize
from gcl_spec.objective import Objective


def unit_rows(seed: int, *shape: int) -> np.ndarray:
    return l2_normalize(np.random.default_rng(seed).normal(size=shape))


def test_wrong_types_are_named() -> None:
    image, text = unit_rows(16, 4, 5), unit_rows(17, 4, 5)
    with pytest.raises(InputTypeError, match="ids has dtype float64"):
        gcl_loss(image, text, log_scale=1.0, ids=np.zeros(4))
    with pytest.raises(InputTypeError, match="ids is a list; wanted an array"):
        gcl_loss(image, text, log_scale=1.0, ids=[1, 2, 3, 4])
    with pytest.raises(InputTypeError, match=r"ids is a numpy ndarray, .* torch Tensors: all must"):
        gcl_loss(torch.tensor(image), torch.tensor(text), log_scale=1.0, ids=np.arange(4))
    with pytest.raises(InputTypeError, match="log_scale is a NoneType"):
        gcl_loss(image, text, log_scale=None)
    for name in ("log_scale", "bias"):
        with pytest.raises(InputTypeError, match=f"{name} has dtype complex128; wanted real"):
            gcl_loss(image, text, **{"log_scale": 1.0, name: np.asarray(1j)})
    with pytest.raises(InputTypeError, match=r"wanted an Objective, .*preset\('gcl-drop'\)"):
        gcl_loss(image, text, log_scale=1.0, objective="gcl-drop")
    with pytest.raises(InputTypeError, match="real floating"):
        gcl_loss(np.eye(4, dtype=int), np.eye(4, dtype=int), np.eye(4, dtype=int), log_scale=1.0)
    pair = Objective(modalities=("audio", "text"))
    with pytest.raises(InputError, match="wants 'audio', 'text'"):
        contrastive_loss({"image": image, "text": text}, log_scale=1.0, objective=pair)


def test_a_plus_in_a_name_is_a_fusion_only_of_other_modalities() -> None:
    objective = Objective(modalities=("image+text", "audio"))
    with pytest.raises(InputError, match=r"wanted \(M, B, D\) = \(2, B"):
        stacked_loss(unit_rows(20, 1, 4, 5), 1.0, objective=objective)
    assert np.isfinite(float(stacked_loss(unit_rows(21, 2, 4, 5), 1.0, objective=objective)))
