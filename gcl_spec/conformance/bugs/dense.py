"""The objective with every step a method, so that a known bug is one step overridden.

It is plain NumPy on whole matrices: the right result here is subtracted from a wrong one, and the
difference is added to a backend's result (`gcl_spec.conformance.bugs.injected.step`). It is no
witness of what is right; the reference is.
"""

from collections.abc import Hashable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from gcl_spec._typing import BoolArray, FloatArray, IntArray
from gcl_spec.backend import LossAndGrads
from gcl_spec.conformance.cases.fused import Fused
from gcl_spec.objective import Direction, Objective

__all__ = ["Call", "Dense"]


@dataclass(frozen=True, slots=True, eq=False)
class Call:
    """The arguments of a call of `Backend.loss_and_grads`, as NumPy arrays.

    Args:
        z_MBD: (M, B, D), or fewer rows, where "a+b" is made of "a" and "b".
        log_scale: shape ().
        objective: the objective.
        present: (M, B), or None.
        ids: (B,), or None.
        weights: (F, 2, B), or None.
        tile: samples of a tile, or None.
        bias: () or (M, M), or None.
    """

    z_MBD: FloatArray
    log_scale: FloatArray
    objective: Objective
    present: BoolArray | None = None
    ids: IntArray | None = None
    weights: FloatArray | None = None
    tile: int | None = None
    bias: FloatArray | None = None

    def but(self, **changes: Any) -> "Call":
        """The same call with some arguments changed."""
        return replace(self, **changes)

    def rule(self, **changes: Any) -> "Call":
        """The same call with some options of its objective changed."""
        return self.but(objective=replace(self.objective, **changes))

    @property
    def key(self) -> tuple[Hashable, ...]:
        """A key that is equal for equal calls."""
        arrays = (self.z_MBD, self.log_scale, self.present, self.ids, self.weights, self.bias)
        bits = (None if x is None else (x.shape, str(x.dtype), x.tobytes()) for x in arrays)
        return (*bits, self.objective, self.tile)

    @property
    def is_plain(self) -> bool:
        """Whether this is equation 2 with its options: one scale, no bias, no further term."""
        rule = self.objective
        beyond = rule.positives != "each" or rule.hardness > 0 or rule.debias > 0
        words = any(isinstance(direction.pool, tuple) for direction in rule.directions)
        return not (
            beyond
            or words
            or rule.loss == "sigmoid"
            or np.ndim(self.log_scale)
            or self.bias is not None
        )

    @property
    def here(self) -> BoolArray:
        """The mask `present`, (M, B), all true where it is not given."""
        return self.fused.present

    @property
    def fused(self) -> Fused:
        """The rows of every modality, and how they follow from those that are given."""
        return Fused(self.z_MBD, self.objective, self.present, self.weights)

    @property
    def rows_here(self) -> BoolArray:
        """The mask (C, B) of the C modalities that are given."""
        fused = self.fused
        return np.asarray(fused.present[fused.given])

    @property
    def labels(self) -> IntArray:
        """The ids (B,), all different where they are not given."""
        return np.arange(self.z_MBD.shape[1]) if self.ids is None else self.ids

    @property
    def rows(self) -> FloatArray:
        """The given rows (C, B, D), zero where they are not present."""
        return np.where(self.rows_here[:, :, None], self.z_MBD, self.z_MBD.dtype.type(0))

    def index(self, name: str) -> int:
        """The place of a modality."""
        return self.objective.modalities.index(name)

    def valid(self, direction: Direction) -> BoolArray:
        """The samples (B,) whose query and target of a direction are both present."""
        here = self.here
        return np.asarray(here[self.index(direction.query)] & here[self.index(direction.target)])


class Dense:
    """The loss and its closed-form gradients from an (N, N) matrix of logits."""

    def __call__(self, call: Call) -> LossAndGrads:
        """The objective on one call, in the dtype of its rows."""
        rows_ND = self.rows(call)
        scale = np.exp(call.log_scale.astype(rows_ND.dtype))
        x_NN = self.logits(rows_ND, scale)
        loss, slope_NN = self.loss_and_slopes(call, x_NN)
        grads_ND = scale * self.spread(call, slope_NN, rows_ND)
        dlog_scale = self.scale_slope(call, slope_NN, x_NN)
        grads_MBD = grads_ND.reshape(-1, *call.z_MBD.shape[1:])
        return LossAndGrads(np.asarray(loss), self.pull_back(call, grads_MBD), dlog_scale)

    def rows(self, call: Call) -> FloatArray:
        """The rows of all modalities, (N, D)."""
        return call.fused.rows_MBD.reshape(-1, call.z_MBD.shape[2])

    def logits(self, rows_ND: FloatArray, scale: FloatArray) -> FloatArray:
        """The logits scale * e_i . e_j, (N, N).

        Args:
            rows_ND: the rows, (N, D).
            scale: shape ().
        """
        return np.asarray(scale * (rows_ND @ rows_ND.T))

    def loss_and_slopes(self, call: Call, x_NN: FloatArray) -> tuple[Any, FloatArray]:
        """The loss, and its derivative by every logit, (N, N)."""
        batch = call.z_MBD.shape[1]
        total: Any = x_NN.dtype.type(0)
        slope_NN = np.zeros_like(x_NN)
        for direction, weight_B in self.coefficients(call):
            at = call.index(direction.query)
            part = slice(at * batch, (at + 1) * batch)
            x_BN = x_NN[part]
            pool_BN, positive_BN = self.pool(call, direction), self.positives(call, direction)
            log_sum_B, share_BN = self.softmax(x_BN, pool_BN, call, at)
            mean_BN = positive_BN / np.maximum(positive_BN.sum(1, keepdims=True), 1)
            mean_BN = mean_BN.astype(x_NN.dtype)
            term_B = log_sum_B - (mean_BN * x_BN).sum(1)
            on_B = weight_B > 0
            total = total + (weight_B[on_B] * term_B[on_B]).sum()
            slope_NN[part][on_B] += (weight_B[:, None] * self.slope(share_BN, mean_BN))[on_B]
        return total, slope_NN

    def coefficients(self, call: Call) -> list[tuple[Direction, FloatArray]]:
        """The weights (B,) of all samples' terms, by direction; in a mean they sum to 1."""
        terms = []
        for direction in call.objective.directions:
            on_B = call.valid(direction).astype(call.z_MBD.dtype)
            share = max(on_B.sum(), 1) if call.objective.balance == "direction" else 1
            terms.append((direction, direction.weight * on_B / share))
        total = sum(weight_B.sum() for _, weight_B in terms)
        if call.objective.reduction == "sum":
            total = total / sum(d.weight for d, weight_B in terms if weight_B.any())
        return [(direction, weight_B / total) for direction, weight_B in terms]

    def pool(self, call: Call, direction: Direction) -> BoolArray:
        """Is row n a candidate of query j? Shape (B, N)."""
        rule, ids_B, wanted = call.objective, call.labels, call.objective.pool_of(direction)
        alike_BB = ids_B[:, None] == ids_B
        same_BB = alike_BB if rule.duplicates == "positive" else np.eye(len(ids_B), dtype=bool)
        source = direction.query if wanted == "query" else direction.target
        blocks = []
        for m, name in enumerate(rule.modalities):
            own = rule.same_sample == "keep" and wanted == "all"
            own = (
                rule.self_term == "keep" and wanted != "target" if name == direction.query else own
            )
            others_BB = ~alike_BB & (wanted == "all" or name == source)
            block_BB = others_BB | (same_BB & (own or name == direction.target))
            blocks.append(block_BB & call.here[m])
        return np.concatenate(blocks, axis=1)

    def positives(self, call: Call, direction: Direction) -> BoolArray:
        """Should query j find row n? Shape (B, N)."""
        batch, target = call.z_MBD.shape[1], call.index(direction.target)
        same_BB = np.eye(batch, dtype=bool)
        if call.objective.duplicates == "positive":
            same_BB = call.labels[:, None] == call.labels
        positive_BN = np.zeros((batch, len(call.objective.modalities) * batch), bool)
        positive_BN[:, target * batch : (target + 1) * batch] = same_BB & call.here[target]
        return positive_BN

    def softmax(
        self, x_BN: FloatArray, pool_BN: BoolArray, call: Call, query: int
    ) -> tuple[FloatArray, FloatArray]:
        """The log-sum-exp over the pool, (B,), and the shares of the candidates, (B, N)."""
        x_BN = np.where(pool_BN, x_BN, -np.inf)
        top_B1 = x_BN.max(axis=1, keepdims=True)
        top_B1 = np.where(np.isfinite(top_B1), top_B1, top_B1.dtype.type(0))
        exp_BN = np.exp(x_BN - top_B1)
        sum_B1 = exp_BN.sum(axis=1, keepdims=True)
        return (np.log(sum_B1) + top_B1)[:, 0], exp_BN / sum_B1

    def slope(self, share_BN: FloatArray, mean_BN: FloatArray) -> FloatArray:
        """The derivative of each term by its logits, share - mean, (B, N)."""
        return share_BN - mean_BN

    def spread(self, call: Call, slope_NN: FloatArray, rows_ND: FloatArray) -> FloatArray:
        """The gradient by the rows, (N, D), as queries and as candidates, without the scale."""
        return np.asarray(slope_NN @ rows_ND + slope_NN.T @ rows_ND)

    def scale_slope(self, call: Call, slope_NN: FloatArray, x_NN: FloatArray) -> FloatArray:
        """The derivative by log_scale, shape ()."""
        return np.asarray((slope_NN * x_NN).sum())

    def pull_back(self, call: Call, grads_MBD: FloatArray) -> FloatArray:
        """The gradient by the given rows, (C, B, D), from that by all modalities' rows."""
        fused, sums_MBD = call.fused, grads_MBD.copy()
        for m, parts in fused.parts.items():
            share_BD = self.through_norm(fused, m, grads_MBD[m])
            for part, weight_B1 in zip(parts, self.part_weights(fused, m), strict=True):
                sums_MBD[part] += weight_B1 * share_BD
        sums_MBD[~fused.present] = 0
        return np.asarray(sums_MBD[fused.given])

    def through_norm(self, fused: Fused, m: int, g_BD: FloatArray) -> FloatArray:
        """The gradient by the total t, (B, D), from that by the fused row t / |t|."""
        e_BD = fused.rows_MBD[m]
        return np.asarray((g_BD - (g_BD * e_BD).sum(-1, keepdims=True) * e_BD) / fused.sizes[m])

    def part_weights(self, fused: Fused, m: int) -> FloatArray:
        """The weights of the two parts, (2, B, 1)."""
        return fused.weights[m]
