"""Numbers about the embedding space itself, to read beside recall.

A run that closes the modality gap but collapses the rank of the space is no success, and recall
alone may not show it. The functions take rows of shape (N, D), or what was made of them.
"""

from collections.abc import Mapping
from itertools import combinations

import numpy as np
from array_api_compat import array_namespace
from array_api_compat import numpy as numpy_namespace

from gcl_spec._typing import Array, ArrayNamespace, FloatArray
from gcl_spec.normalize import l2_normalize

__all__ = [
    "anisotropy",
    "centroid_distance",
    "effective_rank",
    "gap_of_means",
    "mean_cosine",
    "modality_gap",
    "modality_gaps",
    "norm_imbalance",
    "paired_distance",
]


def mean_cosine(x_ND: FloatArray, y_ND: FloatArray) -> float:
    """Cosine of the means of two modalities (arXiv 2509.25638, figure 2); it is 1 without a gap.

    Args:
        x_ND: rows of one modality, shape (N, D).
        y_ND: rows of the other one; their number may differ.

    >>> mean_cosine(np.eye(2), np.eye(2))
    1.0
    """
    _, cosine = gap_of_means(x_ND.mean(axis=0), y_ND.mean(axis=0), xp=numpy_namespace)
    return round(float(cosine), 12)


def centroid_distance(x_ND: FloatArray, y_ND: FloatArray) -> float:
    """The modality gap |mean(x) - mean(y)| of Liang et al. (arXiv 2203.02053); 0 without a gap.

    Args:
        x_ND: rows of one modality, shape (N, D).
        y_ND: rows of the other one; their number may differ.

    >>> centroid_distance(np.asarray([[1.0, 0.0]]), np.asarray([[-1.0, 0.0]]))
    2.0
    """
    distance, _ = gap_of_means(x_ND.mean(axis=0), y_ND.mean(axis=0), xp=numpy_namespace)
    return float(distance)


def gap_of_means(x_D: Array, y_D: Array, *, xp: ArrayNamespace) -> tuple[Array, Array]:
    """The distance and the cosine of the means of two modalities, of shape () each.

    The cosine is 0 where a mean is 0, which has no direction.

    Args:
        x_D: the mean of the rows of one modality, shape (D,).
        y_D: that of the other one.
        xp: the Array API namespace of the arrays.
    """
    distance = xp.sqrt(xp.sum((x_D - y_D) ** 2))
    norms = xp.sqrt(xp.sum(x_D * x_D) * xp.sum(y_D * y_D))
    some = norms > 0
    return distance, xp.where(some, xp.sum(x_D * y_D) / xp.where(some, norms, 1.0), 0.0)


def modality_gap(
    image: Array,
    text: Array,
    present: Mapping[str, Array] | None = None,
    *,
    xp: ArrayNamespace | None = None,
) -> dict[str, Array]:
    """How far apart the images and texts of a batch lie, as 0-d arrays that carry no gradient.

    They are the "distance" of the means, the gap of Liang et al. (2203.02053), and the "cosine" of
    the means, figure 2 of arXiv 2509.25638. Both are 0 where a modality has no row.

    Args:
        image: unit rows, (B, D).
        text: unit rows, (B, D).
        present: (B,) booleans by modality, as in `gcl_spec.loss.gcl_loss`.
        xp: the Array API namespace; found from the rows when not given.

    >>> import numpy as np
    >>> gap = modality_gap(np.eye(2), np.asarray([[-1.0, 0.0], [0.0, 1.0]]))
    >>> {name: round(float(x), 3) for name, x in gap.items()}
    {'distance': 1.0, 'cosine': 0.0}
    """
    xp = array_namespace(image, text) if xp is None else xp
    means, some = [], True
    for name, rows in (("image", image), ("text", text)):
        here = None if present is None else present.get(name)
        here = xp.ones_like(rows[:, 0]) if here is None else xp.astype(here, rows.dtype)
        count = xp.sum(here)
        kept = xp.where(here[:, None] > 0, rows, 0.0)
        means.append(xp.sum(kept, axis=0) / xp.where(count > 0, count, 1.0))
        some = some & (count > 0)
    distance, cosine = gap_of_means(*means, xp=xp)
    return {"distance": xp.where(some, distance, 0.0), "cosine": xp.where(some, cosine, 0.0)}


def modality_gaps(
    rows: Mapping[str, Array],
    present: Mapping[str, Array] | None = None,
    *,
    xp: ArrayNamespace | None = None,
) -> dict[str, Array]:
    """The `modality_gap` of every two given modalities of a batch, as 0-d arrays.

    Args:
        rows: unit rows by modality, (B, D) each; those of fused modalities are left out.
        present: (B,) booleans by modality.
        xp: the Array API namespace; found from the rows when not given.

    Returns:
        "distance" and "cosine" where there are two given modalities; of more, "distance/a,b" and
        "cosine/a,b" for each two of them.
    """
    given = sorted(name for name in rows if "+" not in name)
    gaps: dict[str, Array] = {}
    for a, b in combinations(given, 2):
        flags = {"image": (present or {}).get(a), "text": (present or {}).get(b)}
        gap = modality_gap(rows[a], rows[b], flags, xp=xp)
        suffix = f"/{a},{b}" if len(given) > 2 else ""
        gaps |= {f"{name}{suffix}": value for name, value in gap.items()}
    return gaps


def effective_rank(x_ND: FloatArray) -> float:
    """How many directions of the space the rows fill: exp(-sum_i p_i log p_i), from 1 to D.

    p are the singular values divided by their sum (Roy and Vetterli, "The effective rank", EUSIPCO
    2007). The result is 1 where all rows lie on one line. The rows are not centred.

    Args:
        x_ND: shape (N, D).

    >>> round(effective_rank(np.eye(4)), 6)
    4.0
    """
    x = np.asarray(x_ND, np.float64)
    gram = x.T @ x if x.shape[0] >= x.shape[1] else x @ x.T
    # The singular values are the roots of the small Gram matrix's eigenvalues, which take a
    # hundredth of the time of the SVD of x.
    values = np.sqrt(np.clip(np.linalg.eigvalsh(gram), 0.0, None))
    share = values[values > 0] / values.sum()
    return float(np.exp(-(share * np.log(share)).sum()))


def anisotropy(x_ND: FloatArray) -> float:
    """Mean cosine of two different rows (Ethayarajh, EMNLP 2019, section 4.1; arXiv 1909.00512).

    It is 0 for evenly spread rows and 1 for rows that all point one way.

    Args:
        x_ND: shape (N, D); the rows are normalised here.

    >>> anisotropy(np.eye(3))
    0.0
    """
    unit = l2_normalize(x_ND)
    count = len(unit)
    if count < 2:
        return 1.0
    total = unit.sum(axis=0)
    return float((total @ total - count) / (count * (count - 1)))


def paired_distance(x_ND: FloatArray, y_ND: FloatArray) -> float:
    """Mean Euclidean distance of the two rows of a pair, 0 for equal ones.

    It is the alignment of Wang and Isola (arXiv 2005.10242) with exponent 1.

    Args:
        x_ND, y_ND: rows of the same samples in two modalities, shape (N, D) each.

    >>> paired_distance(np.eye(2), np.eye(2))
    0.0
    """
    return float(np.linalg.norm(x_ND - y_ND, axis=1).mean())


def norm_imbalance(x_ND: FloatArray, y_ND: FloatArray) -> float:
    """Ratio of the mean norms of two sets of projections, which says which one rules a raw fusion.

    Args:
        x_ND, y_ND: projections before normalisation, shape (N, D).

    >>> norm_imbalance(2 * np.eye(2), np.eye(2))
    2.0
    """
    return float(np.linalg.norm(x_ND, axis=1).mean() / np.linalg.norm(y_ND, axis=1).mean())
