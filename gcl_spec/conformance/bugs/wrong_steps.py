"""Known bugs in one step of the arithmetic, each as `Dense` with that step overridden."""

from typing import Any

import numpy as np

from gcl_spec._typing import BoolArray, FloatArray
from gcl_spec.conformance.bugs.dense import Call, Dense
from gcl_spec.conformance.tolerances import rounded
from gcl_spec.objective import Direction

__all__ = ["WRONG_STEPS"]


def _self(call: Call, query: int) -> tuple[Any, Any]:
    """The places of the self logits in a (B, N) block."""
    batch = call.z_MBD.shape[1]
    return np.arange(batch), query * batch + np.arange(batch)


class _SelfSubtracted(Dense):
    def softmax(
        self, x_BN: FloatArray, pool_BN: BoolArray, call: Call, query: int
    ) -> tuple[FloatArray, FloatArray]:
        at = _self(call, query)
        with_self = pool_BN.copy()
        with_self[at] = True
        log_sum_B, share_BN = super().softmax(x_BN, with_self, call, query)
        self_B = np.where(pool_BN[at], 0, share_BN[at]).astype(x_BN.dtype)
        share_BN[at] = np.where(pool_BN[at], share_BN[at], 0)
        return log_sum_B + np.log(1 - self_B), share_BN / (1 - self_B)[:, None]


class _MaximumOfAll(Dense):
    def softmax(
        self, x_BN: FloatArray, pool_BN: BoolArray, call: Call, query: int
    ) -> tuple[FloatArray, FloatArray]:
        top_B1 = x_BN.max(axis=1, keepdims=True)
        exp_BN = np.exp(x_BN - top_B1) * pool_BN
        sum_B1 = exp_BN.sum(axis=1, keepdims=True)
        return (np.log(sum_B1) + top_B1)[:, 0], exp_BN / sum_B1


class _NoShift(Dense):
    def softmax(
        self, x_BN: FloatArray, pool_BN: BoolArray, call: Call, query: int
    ) -> tuple[FloatArray, FloatArray]:
        exp_BN = np.exp(x_BN) * pool_BN
        sum_B1 = exp_BN.sum(axis=1, keepdims=True)
        return np.log(sum_B1)[:, 0], exp_BN / sum_B1


class _Filled(Dense):
    """Masked logits become a constant instead of -inf."""

    constant = -100.0

    def softmax(
        self, x_BN: FloatArray, pool_BN: BoolArray, call: Call, query: int
    ) -> tuple[FloatArray, FloatArray]:
        x_BN = np.where(pool_BN, x_BN, x_BN.dtype.type(self.constant))
        return super().softmax(x_BN, np.ones_like(pool_BN), call, query)


class _FilledLow(_Filled):
    constant = -1e4


class _EpsilonInLog(Dense):
    def softmax(
        self, x_BN: FloatArray, pool_BN: BoolArray, call: Call, query: int
    ) -> tuple[FloatArray, FloatArray]:
        log_sum_B, share_BN = super().softmax(x_BN, pool_BN, call, query)
        return log_sum_B + np.log1p(1e-8 * np.exp(-np.abs(log_sum_B))), share_BN


class _Bfloat16Logits(Dense):
    def logits(self, rows_ND: FloatArray, scale: FloatArray) -> FloatArray:
        return rounded(super().logits(rows_ND, scale), "bfloat16")


class _Bfloat16Shares(Dense):
    def slope(self, share_BN: FloatArray, mean_BN: FloatArray) -> FloatArray:
        return rounded(share_BN, "bfloat16") - mean_BN


class _ScaleCapped(Dense):
    def logits(self, rows_ND: FloatArray, scale: FloatArray) -> FloatArray:
        return super().logits(rows_ND, np.minimum(scale, scale.dtype.type(100)))


class _QueriesOnly(Dense):
    def spread(self, call: Call, slope_NN: FloatArray, rows_ND: FloatArray) -> FloatArray:
        return np.asarray(slope_NN @ rows_ND)


class _CandidatesOnly(Dense):
    def spread(self, call: Call, slope_NN: FloatArray, rows_ND: FloatArray) -> FloatArray:
        return np.asarray(slope_NN.T @ rows_ND)


class _Transposed(Dense):
    """The query side takes the transposed slopes, which is right where they are symmetric."""

    def spread(self, call: Call, slope_NN: FloatArray, rows_ND: FloatArray) -> FloatArray:
        return np.asarray(2 * slope_NN.T @ rows_ND)


class _LastRowOfTile(Dense):
    """The gradient of candidates misses the last row of every tile."""

    def spread(self, call: Call, slope_NN: FloatArray, rows_ND: FloatArray) -> FloatArray:
        kept_NN = slope_NN.copy()
        if call.tile is not None:
            kept_NN[call.tile - 1 :: call.tile] = 0
        return np.asarray(slope_NN @ rows_ND + kept_NN.T @ rows_ND)


class _RaggedTile(Dense):
    """The pool misses the rows after the last whole tile."""

    def pool(self, call: Call, direction: Direction) -> BoolArray:
        pool_BN = super().pool(call, direction)
        if call.tile is not None and call.tile < pool_BN.shape[1]:
            pool_BN[:, pool_BN.shape[1] // call.tile * call.tile :] = False
        return pool_BN


class _DiagonalTilesTwice(Dense):
    def spread(self, call: Call, slope_NN: FloatArray, rows_ND: FloatArray) -> FloatArray:
        tile = call.tile or len(rows_ND)
        at = np.arange(len(rows_ND)) // tile
        twice_NN = slope_NN * (1 + (at[:, None] == at)) if call.tile else slope_NN
        return np.asarray(twice_NN @ rows_ND + slope_NN.T @ rows_ND)


class _PositivesLost(Dense):
    def slope(self, share_BN: FloatArray, mean_BN: FloatArray) -> FloatArray:
        return share_BN


class _ScalePositivesLost(Dense):
    """d log_scale is the sum of shares times logits, without the positives."""

    def scale_slope(self, call: Call, slope_NN: FloatArray, x_NN: FloatArray) -> FloatArray:
        shares_only = _PositivesLost().loss_and_slopes(call, x_NN)[1]
        return np.asarray((shares_only * x_NN).sum())


class _TransposedPool(Dense):
    """Row j is a candidate of query k where k should be one of j: asymmetric masks show it."""

    def pool(self, call: Call, direction: Direction) -> BoolArray:
        batch = call.z_MBD.shape[1]
        blocks = super().pool(call, direction).reshape(batch, -1, batch)
        return np.ascontiguousarray(blocks.transpose(2, 1, 0)).reshape(batch, -1)


class _MissingRowsInThePool(Dense):
    """Missing rows are zero rows that still compete."""

    def pool(self, call: Call, direction: Direction) -> BoolArray:
        return super().pool(call.but(present=None), direction)


class _OwnRowsLost(Dense):
    """Equal ids take the sample's own rows out of the pool with the others'."""

    def pool(self, call: Call, direction: Direction) -> BoolArray:
        pool_BN = super().pool(call, direction)
        counts_B = (call.labels[:, None] == call.labels).sum(1)
        drop_BB = np.diag(counts_B > 1)
        keep = np.tile(~drop_BB, (1, len(call.objective.modalities))) | self.positives(
            call, direction
        )
        return np.asarray(pool_BN & keep)


class _FirstPositive(Dense):
    """Only the sample's own of several positives counts."""

    def positives(self, call: Call, direction: Direction) -> BoolArray:
        return super().positives(call.rule(duplicates="drop"), direction)


class _PositivesSummed(Dense):
    """The logits of several positives are added up, not averaged."""

    def loss_and_slopes(self, call: Call, x_NN: FloatArray) -> tuple[Any, FloatArray]:
        loss, slope_NN = super().loss_and_slopes(call, x_NN)
        batch = call.z_MBD.shape[1]
        for direction, weight_B in self.coefficients(call):
            x_BN = x_NN[call.index(direction.query) * batch :][:batch]
            positive_BN = self.positives(call, direction)
            more_B = positive_BN.sum(1) - 1
            sums_B = (np.where(positive_BN, x_BN, 0) / np.maximum(more_B + 1, 1)[:, None]).sum(1)
            loss = loss - (weight_B * more_B * sums_B).sum()
        return loss, slope_NN


class _SizeLost(Dense):
    """Slopes are divided by their size, a number that the rows' dtype may take for 0."""

    def loss_and_slopes(self, call: Call, x_NN: FloatArray) -> tuple[Any, FloatArray]:
        loss, _ = super().loss_and_slopes(call, x_NN)
        _, slope_NN = super().loss_and_slopes(call, x_NN.astype(np.float64))
        largest = np.abs(slope_NN).max()
        size = x_NN.dtype.type(2.0 ** np.floor(np.log2(largest)) if largest > 0 else 1.0)
        return loss, (slope_NN / size).astype(x_NN.dtype) * size


class _WeightsNotNormalised(Dense):
    def coefficients(self, call: Call) -> list[tuple[Direction, FloatArray]]:
        terms = call.objective.directions
        mean = sum(d.weight for d in terms) / len(terms)
        return [(d, w * mean) for d, w in super().coefficients(call)]


class _MissingCounted(Dense):
    """The mean divides by all samples, the missing ones too."""

    def coefficients(self, call: Call) -> list[tuple[Direction, FloatArray]]:
        share = np.mean([call.valid(d).mean() for d in call.objective.directions])
        return [(d, w * share.astype(w.dtype)) for d, w in super().coefficients(call)]


class _CountOffByOne(Dense):
    def coefficients(self, call: Call) -> list[tuple[Direction, FloatArray]]:
        batch = call.z_MBD.shape[1]
        return [(d, w * batch / (batch + 1)) for d, w in super().coefficients(call)]


WRONG_STEPS = {
    "self logit subtracted, not masked": _SelfSubtracted(),
    "maximum taken over masked logits": _MaximumOfAll(),
    "exp without a shift": _NoShift(),
    "masked logits filled with -100": _Filled(),
    "masked logits filled with -10000": _FilledLow(),
    "1e-8 added inside the logarithm": _EpsilonInLog(),
    "logits rounded to bfloat16": _Bfloat16Logits(),
    "softmax rounded to bfloat16": _Bfloat16Shares(),
    "scale capped at 100": _ScaleCapped(),
    "gradient of the queries only": _QueriesOnly(),
    "gradient of the candidates only": _CandidatesOnly(),
    "gradient of transposed logits": _Transposed(),
    "last row of a tile dropped": _LastRowOfTile(),
    "rows after the last whole tile dropped": _RaggedTile(),
    "diagonal tiles counted twice": _DiagonalTilesTwice(),
    "gradient without the positives": _PositivesLost(),
    "dlog_scale without the positives": _ScalePositivesLost(),
    "transposed pool": _TransposedPool(),
    "missing rows compete": _MissingRowsInThePool(),
    "equal ids remove the sample itself": _OwnRowsLost(),
    "one of several positives": _FirstPositive(),
    "positives summed, not averaged": _PositivesSummed(),
    "gradients divided by a size that is 0 in 32 bits": _SizeLost(),
    "weights not normalised": _WeightsNotNormalised(),
    "mean over missing samples": _MissingCounted(),
    "mean's count off by one": _CountOffByOne(),
}
"""The bugs by name; the right steps give what the reference gives."""
