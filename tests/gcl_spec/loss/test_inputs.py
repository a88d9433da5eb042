"""Embeddings by name: those of the objective, and no others."""

import numpy as np
import pytest

from gcl_spec.errors import InputError
from gcl_spec.loss.equation import contrastive_loss
from gcl_spec.normalize import l2_normalize
from gcl_spec.objective import Objective


def unit_rows(seed: int, *shape: int) -> np.ndarray:
    return l2_normalize(np.random.default_rng(seed).normal(size=shape))


@pytest.mark.parametrize(
    ("modalities", "given"),
    [
        (("image", "text"), ("image",)),
        (("image", "text", "image+text"), ("image", "image+text")),
        # The fused rows want a part that is no modality of the objective itself.
        (("image", "image+text"), ("image",)),
        (("image", "text"), ("image", "text", "audio")),
    ],
)
def test_embeddings_that_are_not_the_objective_s(
    modalities: tuple[str, ...], given: tuple[str, ...]
) -> None:
    rows = {name: unit_rows(n, 4, 5) for n, name in enumerate(given)}
    with pytest.raises(InputError, match=r"embeddings of .* given; the objective wants 'image'"):
        contrastive_loss(rows, log_scale=0.0, objective=Objective(modalities=modalities))


def test_no_embeddings() -> None:
    with pytest.raises(InputError, match="no embeddings given"):
        contrastive_loss({}, log_scale=0.0, objective=Objective(modalities=("image", "text")))
