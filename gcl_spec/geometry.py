"""Numbers about the space itself, to read beside recall: a closed gap with a collapsed rank is no
success.
"""

import numpy as np

from gcl_spec._typing import FloatArray
from gcl_spec.normalize import l2_normalize

__all__ = [
    "anisotropy",
    "centroid_distance",
    "effective_rank",
    "mean_cosine",
    "norm_imbalance",
    "paired_distance",
]


def mean_cosine(x_ND: FloatArray, y_ND: FloatArray) -> float:
    """Cosine of the means of two modalities, figure 2 of the GCL paper; 1 without a gap.

    >>> mean_cosine(np.eye(2), np.eye(2))
    1.0
    """
    x, y = x_ND.mean(axis=0), y_ND.mean(axis=0)
    norms = float(np.linalg.norm(x) * np.linalg.norm(y))
    return round(float(x @ y) / norms, 12) if norms else 0.0


def centroid_distance(x_ND: FloatArray, y_ND: FloatArray) -> float:
    """|mean(x) - mean(y)|, the modality gap of Liang et al. (2203.02053); 0 without a gap.

    >>> centroid_distance(np.asarray([[1.0, 0.0]]), np.asarray([[-1.0, 0.0]]))
    2.0
    """
    return float(np.linalg.norm(x_ND.mean(axis=0) - y_ND.mean(axis=0)))


def effective_rank(x_ND: FloatArray) -> float:
    """exp of the entropy of the normalised singular values (Roy and Vetterli, EUSIPCO 2007).

    Between 1 (all rows on one line) and D. The rows are used as they are, not centred.

    >>> round(effective_rank(np.eye(4)), 6)
    4.0
    """
    x = np.asarray(x_ND, np.float64)
    gram = x.T @ x if x.shape[0] >= x.shape[1] else x @ x.T
    # The roots of the small Gram matrix's eigenvalues: a hundred times faster than the SVD of x.
    values = np.sqrt(np.clip(np.linalg.eigvalsh(gram), 0.0, None))
    share = values[values > 0] / values.sum()
    return float(np.exp(-(share * np.log(share)).sum()))


def anisotropy(x_ND: FloatArray) -> float:
    """Mean cosine of two different rows (Ethayarajh, EMNLP 2019); 0 for evenly spread unit rows.

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
    """Mean distance of the two rows of a pair, the alignment of Wang and Isola (2005.10242).

    >>> paired_distance(np.eye(2), np.eye(2))
    0.0
    """
    return float(np.linalg.norm(x_ND - y_ND, axis=1).mean())


def norm_imbalance(x_ND: FloatArray, y_ND: FloatArray) -> float:
    """Ratio of the mean norms of two sets of projections: which one rules a raw fusion.

    >>> norm_imbalance(2 * np.eye(2), np.eye(2))
    2.0
    """
    return float(np.linalg.norm(x_ND, axis=1).mean() / np.linalg.norm(y_ND, axis=1).mean())
