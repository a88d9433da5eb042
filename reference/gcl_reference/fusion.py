"""Makes fused rows that are not given, e_ab = (w_a e_a + w_b e_b) / |w_a e_a + w_b e_b|.

It is UniIR's score fusion (arXiv 2311.17136); `pull_back` is its derivative.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from gcl_spec.objective import Objective

__all__ = ["Fusion"]

Numbers = npt.NDArray[Any]


class Fusion:
    """The rows of the modalities that are given, and how the others follow from them.

    A modality "a+b" follows where "a" and "b" are modalities, too. A part that is not present adds
    nothing.

    Args:
        z_CBD: rows of the C modalities that are given, (C, B, D).
        objective: its modalities are those that are given and those that follow.
        present: (M, B); all rows are present when not given.
        weights: (F, 2, B), of the two parts of every modality that follows; 1 when not given.
    """

    def __init__(
        self,
        z_CBD: Numbers,
        objective: Objective,
        present: npt.NDArray[np.bool_] | None = None,
        weights: Numbers | None = None,
    ) -> None:
        names = objective.modalities
        parts = {
            m: [names.index(p) for p in n.split("+") if p in names] for m, n in enumerate(names)
        }
        all_given = len(z_CBD) == len(names)
        self.parts = {m: p for m, p in parts.items() if len(p) == 2 and not all_given}
        self.given = [m for m in parts if m not in self.parts]
        self.z_MBD = np.zeros((len(names), *z_CBD.shape[1:]), z_CBD.dtype)
        self.z_MBD[self.given] = z_CBD
        if present is not None:
            self.z_MBD[~present] = 0
        self.weights = dict(zip(self.parts, self._columns(weights), strict=True))
        self.size: dict[int, Numbers] = {}
        for m, (a, b) in self.parts.items():
            total = self.weights[m][0] * self.z_MBD[a] + self.weights[m][1] * self.z_MBD[b]
            size = np.sqrt((total * total).sum(-1, keepdims=True))
            self.size[m] = np.where(size == 0, 1, size)
            self.z_MBD[m] = total / self.size[m]
        self.absent = np.zeros(self.z_MBD.shape[:2], bool) if present is None else ~present

    def _columns(self, weights: Numbers | None) -> Numbers:
        """The weights of the parts, (F, 2, B, 1)."""
        if weights is None:
            return np.ones((len(self.parts), 2, self.z_MBD.shape[1], 1))
        return np.asarray(weights, np.float64)[..., None]

    def pull_back(self, grads_MBD: Numbers) -> Numbers:
        """The gradients by the given rows, (C, B, D), from those by all rows, (M, B, D).

        The gradient g by a fused row e gives each of its parts w (g - (g.e) e) / |w_a e_a + w_b
        e_b|, the derivative of a row over its norm.
        """
        grads = grads_MBD.copy()
        for m, parts in self.parts.items():
            e, g = self.z_MBD[m], grads_MBD[m]
            share = (g - (g * e).sum(-1, keepdims=True) * e) / self.size[m]
            for part, weight in zip(parts, self.weights[m], strict=True):
                grads[part] += weight * share
        grads[self.absent] = 0
        return np.asarray(grads[self.given])
