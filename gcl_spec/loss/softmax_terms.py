"""The terms of the family of softmaxes, one for each direction and row, made of sums of blocks.

`gcl_spec.objective.Objective` has the formulas. With the logits x of a row, its pool P, and y the
mean of the logits of its positives, a term of equation 2 (arXiv 2509.25638) is

    -y + log sum_{k in P} exp(x_k) = log sum_{blocks} exp(log_sum_exp(block) - y)

where each block of the pool gives one log-sum-exp. All sums are taken less y, because the
differences are small where the pairs are alike.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from math import log

from gcl_spec._typing import Array, ArrayNamespace
from gcl_spec.loss.counts import Counts
from gcl_spec.loss.logsumexp import logsumexp
from gcl_spec.loss.places import Places, Role
from gcl_spec.loss.plan import Softmax, Target
from gcl_spec.loss.problem import Asked, Blocks, Problem
from gcl_spec.objective import Objective

__all__ = ["FLOOR", "SoftmaxTerms", "asked_blocks", "with_family"]

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
    found: dict[tuple[int, int, int], None] = {}
    for softmax in plan:
        for target in softmax.targets:
            q, term = softmax.query, target.term
            for n in softmax.pool:
                for role in _roles(objective):
                    found[q, n, places.of(term, q, n, role)] = None
            for n in (*softmax.own, *(t.modality for t in softmax.targets)):
                if not (objective.hardness > 0.0 and single and n in softmax.pool):
                    found[q, n, places.of(term, q, n)] = None
    keys = sorted(found)
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
    """The terms of a plan from the sums that a kernel found.

    Args:
        blocks: what the kernel found, (K, B) each.
        asked: what it was asked for.
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

    def values(self, plan: Sequence[Softmax]) -> dict[int, Array]:
        """The terms, (B,) each, by the place of their direction in the objective."""
        return {
            target.term: self._sigmoid(softmax, target)
            if self.objective.loss == "sigmoid"
            else self._softmax(softmax, target)
            for softmax in plan
            for target in softmax.targets
        }

    def _softmax(self, softmax: Softmax, target: Target) -> Array:
        """The term of one direction, (B,)."""
        q, term, xp, rule = softmax.query, target.term, self.xp, self.objective
        positive = _Own(self, q, target.modality, term)
        y = positive.mean()
        sums = [self._others(q, n, term, y) for n in softmax.pool]
        own = [self._difference(_Own(self, q, n, term), positive) for n in softmax.own]
        if rule.hardness == 0.0 and rule.debias == 0.0 and rule.positives == "each":
            return logsumexp(xp.stack(sums + own), 0, xp)
        every = [
            self._difference(_Own(self, q, t.modality, term), positive) for t in softmax.targets
        ]
        shared = logsumexp(xp.stack(every), 0, xp)
        negatives = logsumexp(xp.stack(sums), 0, xp)
        if rule.hardness > 0.0 and _is_attached(rule):
            rows = tuple(self._at(q, n, term, "weights") for n in softmax.pool)
            if rows not in self._mean_weights:
                self._mean_weights[rows] = self._mean_weight(softmax, rows)
            negatives = negatives - self._mean_weights[rows]
        if rule.debias > 0.0:
            negatives = self._debiased(negatives, shared)
        value = logsumexp(xp.stack([negatives, *own]), 0, xp)
        if rule.positives == "each":
            return value
        even = float(rule.positives)
        number = sum(self._positives(t.modality) for t in softmax.targets)
        size = xp.log(xp.where(number > 0, number, xp.ones_like(number)))
        shared = xp.where(shared > -xp.inf, shared, xp.zeros_like(shared))
        return value - (1 - even) * shared - even * size

    def _others(self, q: int, n: int, term: int, y: Array) -> Array:
        """The log-sum over other samples' rows of modality n, with their weights, less y: (B,)."""
        role = _roles(self.objective)[0]
        found = self.blocks.others[self._at(q, n, term, role), :]
        if role == "hard":
            found = self.places.held_back(term, q, n, found)
        return self._shifted(found, term, q, n) - y

    def _shifted(self, x: Array, term: int, q: int, n: int) -> Array:
        """Logits, or log-sums of them, (B,), with the shift of their pair of modalities."""
        shift = self.places.shift(term, q, n)
        return x if shift is None else x + shift

    def _difference(self, own: "_Own", positive: "_Own") -> Array:
        """The own logits of one block less the mean of the positives' of another, (B,)."""
        # A single positive next to itself is 0 without a derivative: no digit is lost to it.
        if self.single and own.n == positive.n:
            return self.xp.zeros_like(positive.mean())
        found = own.logs() - positive.mean()
        rest, less = own.rest(), positive.rest()
        return found if rest is None or less is None else found + (rest - less)

    @cached_property
    def _mean_weights(self) -> dict[tuple[int, ...], Array]:
        """What `_mean_weight` found, (B,) each: the directions of a softmax have one."""
        return {}

    def _mean_weight(self, softmax: Softmax, rows: tuple[int, ...]) -> Array:
        """The logarithm of the mean of exp(alpha cos) over a row's negatives, (B,)."""
        xp = self.xp
        total = logsumexp(xp.stack([self.blocks.others[i, :] for i in rows]), 0, xp)
        number = sum(self.counts.others(n) for n in softmax.pool)
        # Kernels may leave out the sums of absent queries.
        some = (number > 0) & (total > -xp.inf)
        mean = total - xp.log(xp.where(some, number, xp.ones_like(number)))
        return xp.where(some, mean, xp.zeros_like(mean))

    def _debiased(self, negatives: Array, shared: Array) -> Array:
        """log max(N - gamma P, FLOOR N), (B,), of the logarithms of N and P, (B,) each."""
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
        y = self._shifted(self.blocks.mean[self._at(q, n, term), :], term, q, n)
        sums = [self.blocks.others[self._at(q, n, term), :] for n in softmax.pool]
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
        """The same, or None where the block was not asked for."""
        place = self.places.find(term, q, n, role)
        return None if place is None else self._index.get((q, n, place))

    @cached_property
    def _index(self) -> dict[tuple[int, int, int], int]:
        keys = zip(self.asked.blocks, self.asked.places, strict=True)
        return {(*block, place): i for i, (block, place) in enumerate(keys)}


@dataclass(frozen=True)
class _Own:
    """The logits of a row with those of its own sample in modality n, at the plain scale."""

    terms: SoftmaxTerms
    q: int
    n: int
    term: int

    def logs(self) -> Array:
        """The log-sum-exp of the logits of positives, (B,)."""
        return self._of(lambda blocks: blocks.own, shifted=True)

    def mean(self) -> Array:
        """The mean of the logits of positives, (B,)."""
        return self._of(lambda blocks: blocks.mean, shifted=True)

    def rest(self) -> Array | None:
        """What the two lack in digits, (B,)."""
        if self.terms.blocks.rest is None:
            return None
        return self._of(lambda blocks: blocks.rest, shifted=False)

    def _of(self, kind: Callable[[Blocks], Array], *, shifted: bool) -> Array:
        terms, q, n = self.terms, self.q, self.n
        at = terms._asked(q, n, self.term, "plain")
        if at is not None:
            found = kind(terms.blocks)[at, :]
        else:  # a single positive's logit is linear in the scale
            x = kind(terms.blocks)[terms._at(q, n, self.term, "hard"), :]
            some = x > -terms.xp.inf  # whose product with a share has a derivative
            found = terms.xp.where(some, x, terms.xp.zeros_like(x))
            found = found * terms.places.plain_share(self.term, q, n)
            found = terms.xp.where(some, found, -terms.xp.inf)
        return terms._shifted(found, self.term, q, n) if shifted else found
