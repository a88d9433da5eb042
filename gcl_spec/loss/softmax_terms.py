"""The terms of the family of softmaxes, one for each direction and row, made of sums of blocks.

`gcl_spec.objective.Objective` has the formulas. With the logits x of a row, its pool P, and y the
mean of the logits of its positives, a term of equation 2 (arXiv 2509.25638) is

    -y + log sum_{k in P} exp(x_k) = log sum_{blocks} exp(log_sum_exp(block) - y)

where each block of the pool gives one log-sum-exp. All sums are taken less y, because the
differences are small where the pairs are alike.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from math import log
from typing import Literal, TypeAlias

from gcl_spec._typing import Array, ArrayNamespace
from gcl_spec.loss.counts import Counts
from gcl_spec.loss.logsumexp import logsumexp
from gcl_spec.loss.places import Places, Role
from gcl_spec.loss.plan import Softmax, Target
from gcl_spec.loss.problem import Asked, Blocks, Problem
from gcl_spec.loss.unstack import unstack
from gcl_spec.objective import Objective

__all__ = ["FLOOR", "SoftmaxTerms", "asked_blocks", "with_family"]

_Kind: TypeAlias = Literal["others", "own", "mean", "rest"]
_Direction: TypeAlias = tuple[Softmax, Target]
FLOOR = 0.001
"""The least share of the negatives' sum that a debiased denominator keeps."""


def asked_blocks(
    plan: Sequence[Softmax], places: Places, objective: Objective, *, single: bool
) -> Asked:
    """The blocks that the terms of a plan are made of, each once.

    Args:
        plan: the softmaxes to compute.
        places: the scales, each of which gets its place here.
        objective: the objective.
        single: whether every row has a single positive (`gcl_spec.loss.problem.Problem`).
    """
    placed_blocks: dict[tuple[int, int, int], None] = {}
    for softmax in plan:
        for target in softmax.targets:
            q, term = softmax.query, target.term
            for n in softmax.pool:
                for role in _roles(objective):
                    placed_blocks[q, n, places.of(term, q, n, role)] = None
            for n in (*softmax.own, *(t.modality for t in softmax.targets)):
                if not (objective.hardness > 0.0 and single and n in softmax.pool):
                    placed_blocks[q, n, places.of(term, q, n)] = None
    keys = sorted(placed_blocks)
    return Asked(tuple(key[:2] for key in keys), tuple(key[2] for key in keys))


def with_family(
    problem: Problem,
    plan: Sequence[Softmax],
    places: Places,
    objective: Objective,
    xp: ArrayNamespace,
) -> Problem:
    """The problem with what a kernel must know of the family: a sigmoid, and how sums are used.

    Args:
        problem: the problem, which asks for its blocks.
        plan: the softmaxes to compute.
        places: the scales and shifts.
        objective: the objective.
        xp: the Array API namespace of the arrays.
    """
    if objective.loss == "sigmoid":
        return replace(problem, sigmoid=True, shift=places.shifts())
    lift: Array | float = 0.0
    if places.shifts_differ:
        shifts = [
            places.shift(target.term, softmax.query, n)
            for softmax in plan
            for target in softmax.targets
            for n in (*softmax.pool, *softmax.own, *(t.modality for t in softmax.targets))
        ]
        lift = xp.max(xp.stack(shifts)) - xp.min(xp.stack(shifts))
    return replace(problem, lift=lift, bounded=objective.hardness == 0.0)


def _roles(objective: Objective) -> tuple[Role, ...]:
    """What the exponentials of other samples' blocks are."""
    if objective.hardness == 0.0:
        return ("plain",)
    return ("hard", "weights") if _is_attached(objective) else ("hard",)


def _is_attached(objective: Objective) -> bool:
    return objective.hardness_weights == "attached"


@dataclass(frozen=True)
class SoftmaxTerms:
    """The terms of a plan from the sums that a kernel has computed.

    Args:
        blocks: the sums that the kernel has computed, (K, B) each.
        asked: the blocks that it was asked for.
        places: the scales and shifts.
        objective: the objective.
        single: whether every row has a single positive.
        counts: the numbers of candidates.
        xp: the Array API namespace of the arrays.
    """

    blocks: Blocks
    asked: Asked
    places: Places
    objective: Objective
    single: bool
    counts: Counts
    xp: ArrayNamespace

    def values(self, plan: Sequence[Softmax]) -> Array:
        """The terms, (T, B), in the order of the objective's directions."""
        both = [(softmax, target) for softmax in plan for target in softmax.targets]
        both.sort(key=lambda direction: direction[1].term)
        if self.objective.loss == "sigmoid":
            return self.xp.stack([self._sigmoid(*direction) for direction in both])
        return self._softmaxes(both)

    def _softmaxes(self, directions: Sequence[_Direction]) -> Array:
        """The terms of softmaxes, (T, B), in the order of the directions."""
        xp, rule = self.xp, self.objective
        others = [self._others(*direction) for direction in directions]
        own = [self._differences(*direction, direction[0].own) for direction in directions]
        if rule.hardness == 0.0 and rule.debias == 0.0 and rule.positives == "each":
            return self._logsumexps([[*a, *b] for a, b in zip(others, own, strict=True)])
        every = [tuple(target.modality for target in softmax.targets) for softmax, _ in directions]
        negatives = self._logsumexps(others)
        if rule.hardness > 0.0 and _is_attached(rule):
            negatives = negatives - xp.stack([self._mean_weight(*d) for d in directions])
        if rule.debias > 0.0 or rule.positives != "each":
            shared = self._logsumexps(
                [self._differences(*d, m) for d, m in zip(directions, every, strict=True)]
            )
        if rule.debias > 0.0:
            negatives = self._debiased(negatives, shared)
        values = self._logsumexps(
            [[a, *b] for a, b in zip(unstack(negatives, xp), own, strict=True)]
        )
        if rule.positives == "each":
            return values
        even = float(rule.positives)
        number = xp.stack([sum(self._positives(m) for m in modalities) for modalities in every])
        size = xp.log(xp.where(number > 0, number, xp.ones_like(number)))
        shared = xp.where(shared > -xp.inf, shared, xp.zeros_like(shared))
        return values - (1 - even) * shared - even * size

    def _logsumexps(self, lists: Sequence[Sequence[Array]]) -> Array:
        """The log-sum-exp of each list of rows, (T, B); lists of one length are taken together."""
        xp = self.xp
        log_sums: dict[int, Array] = {}
        for length in {len(rows) for rows in lists}:
            at = [t for t, rows in enumerate(lists) if len(rows) == length]
            sums = logsumexp(xp.stack([xp.stack(list(lists[t])) for t in at]), 1, xp)
            if len(at) == len(lists):
                return sums
            log_sums |= dict(zip(at, unstack(sums, xp), strict=True))
        return xp.stack([log_sums[t] for t in range(len(lists))])

    def _others(self, softmax: Softmax, target: Target) -> list[Array]:
        """The log-sums over other samples' rows, with their weights, less y: (B,) each."""
        q, term, role = softmax.query, target.term, _roles(self.objective)[0]
        y, log_sums = self._own("mean", q, target.modality, term), []
        for n in softmax.pool:
            x = self._rows["others"][self._at(q, n, term, role)]
            if role == "hard":
                x = self.places.held_back(term, q, n, x)
            log_sums.append(self._shifted(x, term, q, n) - y)
        return log_sums

    def _differences(
        self, softmax: Softmax, target: Target, modalities: Sequence[int]
    ) -> list[Array]:
        """The own logits of these modalities less the mean of the positives', (B,) each."""
        q, m, term = softmax.query, target.modality, target.term
        y, less = self._own("mean", q, m, term), self._own("rest", q, m, term)
        differences = []
        for n in modalities:
            # A single positive next to itself is 0, without a derivative: no digit is lost to it.
            if self.single and n == m:
                differences.append(self.xp.zeros_like(y))
                continue
            x, rest = self._own("own", q, n, term) - y, self._own("rest", q, n, term)
            x = x if rest is None else x + (rest - less)
            if n == m:  # the same for a sample that has no equal
                x = self.xp.where(self.counts.alike(m) == 1, self.xp.zeros_like(x), x)
            differences.append(x)
        return differences

    def _own(self, kind: _Kind, q: int, n: int, term: int) -> Array:
        """A sum over each row's logits with its own sample's rows of modality n, (B,).

        At the plain scale it is their log-sum-exp ("own") or mean ("mean"), each with its shift, or
        what the two lack in digits ("rest"), which may be None.
        """
        rows = self._rows[kind]
        if not rows:
            return None
        at = self._asked(q, n, term, "plain")
        row = self._plain_of_hard(kind, q, n, term) if at is None else rows[at]
        return row if kind == "rest" else self._shifted(row, term, q, n)

    def _plain_of_hard(self, kind: _Kind, q: int, n: int, term: int) -> Array:
        """A single positive's logit, (B,), from that with hardness: it is linear in the scale."""
        at, xp = self._at(q, n, term, "hard"), self.xp
        if (kind, at) not in self._plain:
            x = self._rows[kind][at]
            some = x > -xp.inf  # the derivative of -inf times a share is NaN
            plain_logit = xp.where(some, x, xp.zeros_like(x)) * self.places.plain_share(term, q, n)
            self._plain[kind, at] = xp.where(some, plain_logit, -xp.inf)
        return self._plain[kind, at]

    @cached_property
    def _plain(self) -> dict[tuple[_Kind, int], Array]:
        """The results, (B,) each, of `_plain_of_hard`: directions of one scale share them."""
        return {}

    def _mean_weight(self, softmax: Softmax, target: Target) -> Array:
        """The logarithm of the mean of exp(alpha cos) over a row's negatives, (B,)."""
        xp, q = self.xp, softmax.query
        at = tuple(self._at(q, n, target.term, "weights") for n in softmax.pool)
        if at in self._mean_weights:
            return self._mean_weights[at]
        total = logsumexp(xp.stack([self._rows["others"][i] for i in at]), 0, xp)
        number = sum(self.counts.others(n) for n in softmax.pool)
        # Kernels may leave out the sums of absent queries.
        some = (number > 0) & (total > -xp.inf)
        mean = total - xp.log(xp.where(some, number, xp.ones_like(number)))
        self._mean_weights[at] = xp.where(some, mean, xp.zeros_like(mean))
        return self._mean_weights[at]

    @cached_property
    def _mean_weights(self) -> dict[tuple[int, ...], Array]:
        """The results, (B,) each, of `_mean_weight`: the directions of a softmax share one."""
        return {}

    @cached_property
    def _rows(self) -> dict[_Kind, tuple[Array, ...]]:
        """The kernel's sums of each kind, (B,) for each block; of a kind that it lacks none."""
        blocks = self.blocks
        sums_by_kind: dict[_Kind, Array | None] = {
            "others": blocks.others, "own": blocks.own, "mean": blocks.mean, "rest": blocks.rest
        }  # fmt: skip
        return {k: () if x is None else unstack(x, self.xp) for k, x in sums_by_kind.items()}

    def _shifted(self, x: Array, term: int, q: int, n: int) -> Array:
        """Logits, or log-sums of them, (B,), with the shift of their pair of modalities."""
        shift = self.places.shift(term, q, n)
        return x if shift is None else x + shift

    def _debiased(self, negatives: Array, shared: Array) -> Array:
        """log max(N - gamma P, FLOOR N), (T, B), of the logarithms of N and P, (T, B) each."""
        xp, gamma = self.xp, self.objective.debias
        none = negatives == -xp.inf
        ratio = shared - xp.where(none, xp.zeros_like(negatives), negatives)
        above = (ratio < log((1 - FLOOR) / gamma)) & ~none
        kept = xp.log1p(-gamma * xp.exp(xp.where(above, ratio, -xp.inf)))
        return negatives + xp.where(above, kept, log(FLOOR))

    def _positives(self, m: int) -> Array:
        """The number of positives of modality m, (B,)."""
        return self.counts.own(m) if self.single else self.counts.alike(m)

    def _sigmoid(self, softmax: Softmax, target: Target) -> Array:
        """The term of one direction with a sigmoid on each pair of rows, (B,)."""
        q, term, xp = softmax.query, target.term, self.xp
        n = target.modality
        y = self._own("mean", q, n, term)
        sums = [self._rows["others"][self._at(q, n, term)] for n in softmax.pool]
        number = sum(self.counts.own(t.modality) for t in softmax.targets)
        number = xp.where(number > 0, number, xp.ones_like(number))
        return xp.logaddexp(xp.zeros_like(y), -y) + sum(sums) / number

    def _at(self, q: int, n: int, term: int, role: Role = "plain") -> int:
        """The number of a block among those that were asked for."""
        at = self._asked(q, n, term, role)
        if at is None:
            raise KeyError((q, n, term, role))
        return at

    def _asked(self, q: int, n: int, term: int, role: Role) -> int | None:
        """The number of a block among those that were asked for; None where it is none."""
        place = self.places.find(term, q, n, role)
        return None if place is None else self._index.get((q, n, place))

    @cached_property
    def _index(self) -> dict[tuple[int, int, int], int]:
        keys = zip(self.asked.blocks, self.asked.places, strict=True)
        return {(*block, place): i for i, (block, place) in enumerate(keys)}
