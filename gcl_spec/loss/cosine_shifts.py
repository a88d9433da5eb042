"""What a bias adds to the logits of each pair of modalities, said in cosines."""

from statistics import fmean

import numpy as np
from array_api_compat import numpy as numpy_namespace

from gcl_spec._typing import FloatArray
from gcl_spec.loss.places import Places
from gcl_spec.objective import Objective

__all__ = ["cosine_shifts"]


def cosine_shifts(
    objective: Objective, log_scale: FloatArray, bias: FloatArray, *, every: bool = False
) -> FloatArray:
    """The shifts (M, M) by query and pool modality with which scale * (cosine + shift) is a logit.

    A bias in logits is divided by the scale of its pair, and one in cosines has its sign turned
    (`gcl_spec.objective.Objective.bias_unit`). Several directions of a pair, with temperatures of
    their own, count alike. A pair of no direction has the mean shift of its query modality's other
    pairs, and 0 where there are none: such rows are negatives alone in training, so that what is
    learned of them says no more than that they are never right.

    Args:
        objective: of M modalities, G of which are given, and T directions.
        log_scale: shape (), (T,), (M, M) or (G,), as `objective.scales` says.
        bias: shape () or (M, M).
        every: count all pairs of a query modality and one of its pools', for a bias that is set by
            shares of pools (`gcl_spec.loss.shares`) and not learned from what is right.

    >>> shifts_MM = cosine_shifts(Objective(modalities=("a", "b")), np.log(8.0), np.asarray(2.0))
    >>> shifts_MM.round(6).tolist()
    [[0.25, 0.25], [0.25, 0.25]]
    """
    names = objective.modalities
    scales, shifts = (np.asarray(x, np.float64) for x in (log_scale, bias))
    none_11 = np.zeros((1, 1))
    places = Places(objective, scales, shifts, none_11, lambda x: x, numpy_namespace)
    shifts_by_pair: dict[tuple[int, int], list[float]] = {}
    for t, direction in enumerate(objective.directions):
        m = names.index(direction.query)
        for name in objective.pool_names(direction) if every else (direction.target,):
            n = names.index(name)
            shifts_by_pair.setdefault((m, n), []).append(float(places.cosine_shift(t, m, n)))
    known = {pair: fmean(every_shift) for pair, every_shift in shifts_by_pair.items()}
    rows = []
    for m in range(len(names)):
        own = [shift for (query, _), shift in known.items() if query == m]
        other = fmean(own) if own else 0.0
        rows.append([known.get((m, n), other) for n in range(len(names))])
    return np.asarray(rows)
