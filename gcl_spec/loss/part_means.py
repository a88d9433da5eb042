"""The running means by which rows are centred in training, and their step from one batch.

A mean m of a modality goes to m + r (b - m), where b is the mean of the unit rows of a batch and
r = max(1 / (n + 1), `RATE`), with n the number of steps before whose batch had the modality. The
first 100 steps therefore have the plain mean of the batches' means, and later ones a decaying one,
as the running statistics of batch normalisation have (Ioffe and Szegedy 2015, arXiv 1502.03167).
"""

from collections.abc import Mapping, Sequence

from gcl_spec._typing import Array, ArrayNamespace
from gcl_spec.normalize import l2_normalize

__all__ = ["RATE", "by_modality", "moved", "row_totals"]

RATE = 0.01
"""The share of a batch in the new means, once that of an equal mean over all steps is smaller."""


def by_modality(means_GD: Array | None, names: Sequence[str]) -> dict[str, Array]:
    """The mean (D,) of each modality; none where rows are not centred.

    Args:
        means_GD: the means, (G, D), or None.
        names: the G modalities.

    >>> import numpy as np
    >>> {name: x.tolist() for name, x in by_modality(np.eye(2), ("image", "text")).items()}
    {'image': [1.0, 0.0], 'text': [0.0, 1.0]}
    """
    return {} if means_GD is None else {name: means_GD[i, ...] for i, name in enumerate(names)}


def row_totals(
    projections: Mapping[str, Array],
    present: Mapping[str, Array],
    names: Sequence[str],
    *,
    xp: ArrayNamespace,
) -> Array:
    """What several processes add up to the means of a batch.

    Args:
        projections: rows (B, D) of any norm, by modality.
        present: flags (B,) by modality.
        names: the G modalities.
        xp: the Array API namespace of the arrays.

    Returns:
        Shape (G, D + 1): the sum of the unit rows that are present, and behind it their number.
    """
    sums = []
    for name in names:
        here_B1 = present[name][:, None]
        units_BD = l2_normalize(projections[name], xp=xp)
        kept_BD = xp.where(here_B1, units_BD, xp.zeros_like(units_BD))
        ones_B1 = xp.astype(here_B1, units_BD.dtype)
        sums.append(xp.concat([xp.sum(kept_BD, axis=0), xp.sum(ones_B1, axis=0)]))
    return xp.stack(sums)


def moved(
    means_GD: Array, counts_G: Array, totals_GE: Array, *, xp: ArrayNamespace
) -> tuple[Array, Array]:
    """The means and counts after a step.

    A modality of which the batch has no row, or one that is not finite, stays as it was.

    Args:
        means_GD: the means, (G, D), 0 at the start.
        counts_G: integers (G,), how many steps each mean has seen.
        totals_GE: those of the batch, (G, D + 1), as `row_totals` gives them.
        xp: the Array API namespace of the arrays.

    Returns:
        The new means, (G, D), and counts, (G,).

    >>> import numpy as np
    >>> means, counts = moved(np.asarray([[0.5]]), np.asarray([1]), np.asarray([[2.0, 2.0]]), xp=np)
    >>> means.tolist(), counts.tolist()
    ([[0.75]], [2])
    """
    numbers_G = totals_GE[:, -1]
    moves_G = (numbers_G > 0) & xp.isfinite(xp.sum(totals_GE, axis=1))
    some_G = xp.where(moves_G, numbers_G, xp.ones_like(numbers_G))
    own_G = 1 / (xp.astype(counts_G, means_GD.dtype) + 1)
    rate_G = xp.where(own_G > RATE, own_G, xp.full_like(own_G, RATE))
    batch_GD = totals_GE[:, :-1] / some_G[:, None]
    new_GD = means_GD + rate_G[:, None] * (batch_GD - means_GD)
    means_GD = xp.where(moves_G[:, None], new_GD, means_GD)
    return means_GD, counts_G + xp.astype(moves_G, counts_G.dtype)
