"""From cosines to logits: temperatures, which may be many, and biases.

A logit is s = scale cos + bias, or scale (cos - bias) where biases are in cosines (arXiv
2509.18552). There is one temperature, or one for each direction, each pair of query and pool
modality, or each given modality (arXiv 2601.03666); `gcl_spec.objective.Objective.scales` says
which.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from gcl_spec.objective import Objective, given_names

__all__ = ["Logits"]

Numbers = npt.NDArray[Any]


class Logits:
    """The scales and biases of an objective, and the derivatives by what they are made of.

    Args:
        objective: its `scales` say what the axis of `log_scale` is.
        log_scale: ln(1 / temperature), shape (), (T,), (M, M), or (G,) for G given modalities.
        bias: shape (), (M, M), or None.
    """

    def __init__(self, objective: Objective, log_scale: Any, bias: Any = None) -> None:
        self.objective = objective
        self.log_scale = np.asarray(log_scale)
        self.bias = np.asarray(0.0 if bias is None else bias)
        self.dlog_scale: Numbers = np.zeros(self.log_scale.shape)
        self.dbias: Numbers = np.zeros(self.bias.shape)
        self._in_cosines = objective.bias_unit == "cosine"
        names = given_names(objective.modalities)
        self._parts = [[names.index(p) for p in n.split("+")] for n in objective.modalities]
        self._scales: dict[tuple[int, int, int], Any] = {}  # each is made once

    def scale(self, t: int, m: int, n: int) -> Any:
        """The scale of direction t between its query modality m and pool modality n."""
        if (t, m, n) not in self._scales:
            self._scales[t, m, n] = self._scale(t, m, n)
        return self._scales[t, m, n]

    def _scale(self, t: int, m: int, n: int) -> Any:
        kind = self.objective.scales
        if self.log_scale.ndim == 0:
            return np.exp(self.log_scale)
        if kind == "modality":
            return 2 / (self._temperature(m) + self._temperature(n))
        return np.exp(self.log_scale[t] if kind == "direction" else self.log_scale[m, n])

    def _temperature(self, m: int) -> Any:
        """The temperature of a modality: the mean of its parts' temperatures."""
        parts = self._parts[m]
        return sum(np.exp(-self.log_scale[part]) for part in parts) / len(parts)

    def logit(self, t: int, m: int, n: int, cosine: Any) -> Any:
        """The logit of a cosine of direction t, between modalities m and n."""
        scale, bias = self.scale(t, m, n), self._bias(m, n)
        return scale * (cosine - bias) if self._in_cosines else scale * cosine + bias

    def _bias(self, m: int, n: int) -> Any:
        return self.bias if self.bias.ndim == 0 else self.bias[m, n]

    def pull_back(self, t: int, m: int, n: int, cosine: float, d_logit: float) -> float:
        """Add the derivatives of one logit by scales and biases; return that by its cosine."""
        scale, bias = self.scale(t, m, n), self._bias(m, n)
        d_bias = -scale * d_logit if self._in_cosines else d_logit
        self.dbias[() if self.bias.ndim == 0 else (m, n)] += d_bias
        d_scale = d_logit * (cosine - bias if self._in_cosines else cosine)
        self._add(t, m, n, scale, d_scale)
        return float(d_logit * scale)

    def _add(self, t: int, m: int, n: int, scale: float, d_scale: float) -> None:
        """Add the derivatives by `log_scale` that follow from that by a scale."""
        kind = self.objective.scales
        if self.log_scale.ndim == 0:
            self.dlog_scale[()] += d_scale * scale
        elif kind != "modality":
            self.dlog_scale[t if kind == "direction" else (m, n)] += d_scale * scale
        else:  # d (2 / (a + b)) = -1/2 (2 / (a + b))^2 (da + db), and da = -a d log_scale
            for modality in (m, n):
                parts = self._parts[modality]
                for part in parts:
                    share = np.exp(-self.log_scale[part]) / len(parts)
                    self.dlog_scale[part] += d_scale * 0.5 * scale**2 * share
