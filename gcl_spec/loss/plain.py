"""The sums a contrastive loss is made of, and how terms are made of the sums.

A *block* (m, n) holds the logits of all rows of modality m with all rows of modality n. All that
the objective needs of it is, for each row, a log-sum-exp over the other samples' rows and one over
its own sample's. A kernel computes these; `plain_blocks` here is the direct one, the tiled one is
`gcl_spec.loss.tiled.tile_logits`.
"""

import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from math import log2
from numbers import Real
from typing import NamedTuple, Protocol, TypeAlias

from gcl_spec._typing import Array, ArrayNamespace
from gcl_spec.loss.logsumexp import logsumexp, masked_logsumexp, masked_mean
from gcl_spec.loss.plan import Softmax
from gcl_spec.normalize import inverse_norm, largest_mix

__all__ = [
    "Blocks",
    "Kernel",
    "Problem",
    "direct_blocks",
    "embeddings_of",
    "inverse_norm",
    "mixed",
    "or_nan",
    "place_of_mixed",
    "plain_blocks",
    "term_values",
    "without_arrays",
]


Multiply: TypeAlias = Callable[[Array, Array], Array]

Part: TypeAlias = int | tuple[int, int]
"""The given row that a modality is, or the two that it is mixed of."""


def place_of_mixed(parts: Sequence[Part], m: int) -> int:
    """The place of mixed modality m among the mixed ones."""
    return sum(not isinstance(part, int) for part in parts[:m])


@dataclass(frozen=True, slots=True)
class Problem:
    """The input of a kernel: rows, which modalities they are, and who is whose negative.

    rows: one (B, D) array for each modality that is given; absent rows are zero.
    parts: for each modality its row's index in `rows`, or the two indices that it is mixed of.
    weights: for each mixed modality, in order, (B,) weights of its two parts; None: all 1.
    mix: (F, 1, B) or (F, 2, B), made by `mixed`: the factors of the parts, so that the unit row is
        e = mix[0] x_a + mix[-1] x_b; None where nothing is mixed.
    blocks: the (query, pool) pairs of modalities that are asked for. targets: those of them whose
        own rows are positives.
    positives: are samples of equal ids each other's positives (or merely not negatives)?
    present: (M, B) booleans. ids: (B,) integers. damp: (B, F) unit rows s; logits within one
        modality are multiplied by 1 - s_j . s_k.
    """

    rows: tuple[Array, ...]
    parts: tuple[Part, ...]
    blocks: tuple[tuple[int, int], ...] = ()
    targets: tuple[tuple[int, int], ...] = ()
    weights: tuple[tuple[Array, Array], ...] | None = None
    mix: Array | None = None
    present: Array | None = None
    ids: Array | None = None
    positives: bool = False
    damp: Array | None = None

    def ask(self, plan: Sequence[Softmax]) -> "Problem":
        """The same rows, with the blocks that `plan` needs."""
        targets = {(softmax.query, t.modality) for softmax in plan for t in softmax.targets}
        blocks = {(s.query, n) for s in plan for n in (*s.pool, *s.own)} | targets
        return replace(self, blocks=tuple(sorted(blocks)), targets=tuple(sorted(targets)))

    def factors(self, m: int) -> tuple[tuple[int, Array], ...]:
        """The given rows of modality m, each with its factor: (B,), or 1.0 of a row not mixed."""
        part = self.parts[m]
        if isinstance(part, int):
            return ((part, 1.0),)
        mix = self.mix[place_of_mixed(self.parts, m), ...]  # type: ignore[index]
        return (part[0], mix[0, :]), (part[1], mix[-1, :])

    @property
    def own_is_one(self) -> bool:
        """Does every row have exactly its own sample's row as positive?"""
        return self.ids is None or not self.positives


def without_arrays(problem: Problem) -> Problem:
    """What is known of a problem before its numbers."""
    return replace(problem, rows=(), weights=None, mix=None, present=None, ids=None, damp=None)


class Blocks(NamedTuple):
    """For every asked block, in order, and every row of its query modality: (K, B) arrays."""

    others: Array
    """log sum exp of the logits over present rows of samples with other ids; -inf for none."""
    own: Array
    """log sum exp over present rows of the own sample (of equal ids, with `positives`)."""
    mean: Array
    """The mean of the logits over those rows."""
    present: Array | None = None
    """(M, B) flags of these rows, where a kernel has more of them than its problem."""
    rest: Array | None = None
    """What own and mean of a single positive lack in digits; a constant to derivatives."""


class Kernel(Protocol):
    """Computes the blocks of a problem at one scale; differentiable in rows, weights and scale.

    One with an attribute `partial` that is true adds other processes' rows to those of the problem.
    """

    def __call__(self, problem: Problem, scale: Array | float, /, *, xp: ArrayNamespace) -> Blocks:
        """`scale` is 1 / temperature, a number or a 0-d array."""
        ...


def plain_blocks(
    problem: Problem,
    scale: Array | float,
    /,
    *,
    xp: ArrayNamespace,
    multiply: Multiply = operator.matmul,
) -> Blocks:
    """The direct kernel: whole (B, B) blocks, differentiated by the framework.

    multiply: x @ y, of stacks of matrices.
    """
    info = xp.finfo(problem.rows[0].dtype)
    largest = float(info.eps) / float(info.smallest_normal)
    known = or_nan(mixed(problem, xp), xp, largest)
    return direct_blocks(known, scale, xp=xp, multiply=multiply)


def direct_blocks(
    problem: Problem,
    scale: Array | float,
    /,
    *,
    xp: ArrayNamespace,
    multiply: Multiply = operator.matmul,
) -> Blocks:
    """`plain_blocks` of a problem that has its `mix`."""
    lift = _lift(scale, problem.rows[0], xp)
    embeddings = [lift * x for x in embeddings_of(problem)]
    scale = scale / lift**2
    queries_KBD = xp.stack([embeddings[m] for m, _ in problem.blocks])
    pools_KBD = xp.stack([embeddings[n] for _, n in problem.blocks])
    own_BB, alike_BB = _classes(problem, xp)
    s_KBB = scale * multiply(queries_KBD, xp.matrix_transpose(pools_KBD))
    damping_KBB = None if problem.damp is None else _damping(problem, multiply, xp)
    if damping_KBB is not None:
        s_KBB = s_KBB * damping_KBB
    here_KB = None
    if problem.present is not None:
        here_KB = xp.stack([problem.present[n, ...] for _, n in problem.blocks])
    others = masked_logsumexp(s_KBB, _and(~alike_BB, here_KB), xp)
    if not problem.own_is_one:
        mask_KBB = _and(own_BB, here_KB)
        own = masked_logsumexp(s_KBB, mask_KBB, xp)
        return Blocks(others, own, masked_mean(s_KBB, mask_KBB, xp))
    own = scale * xp.sum(queries_KBD * pools_KBD, axis=-1)
    if damping_KBB is not None:
        own = own * xp.sum(xp.where(own_BB, damping_KBB, 0.0), axis=-1)
    if here_KB is None:
        return Blocks(others, own, own)
    return Blocks(
        others, xp.where(here_KB, own, -xp.inf), xp.where(here_KB, own, xp.zeros_like(own))
    )


def _lift(scale: Array | float, like: Array, xp: ArrayNamespace) -> Array | float:
    """The power of 2 that both rows of a product take of a scale far from 1; else 1.

    Products of rows that are as small as such a scale is large would underflow.
    """
    far = 2.0 ** (-log2(float(xp.finfo(like.dtype).smallest_normal)) // 3)
    if isinstance(scale, Real):
        return far if scale > far else 1 / far if scale < 1 / far else 1.0
    one = xp.ones_like(scale)
    return xp.where(scale > far, far * one, xp.where(scale < 1 / far, one / far, one))


def _damping(problem: Problem, multiply: Multiply, xp: ArrayNamespace) -> Array:
    """(K, B, B): 1 - s_j . s_k for the blocks within one modality, 1 for the others."""
    damp_BB = 1 - multiply(problem.damp, xp.matrix_transpose(problem.damp))
    return xp.stack([damp_BB if m == n else xp.ones_like(damp_BB) for m, n in problem.blocks])


def _and(mask_BB: Array, here_KB: Array | None) -> Array:
    return mask_BB[None, :, :] if here_KB is None else mask_BB[None, :, :] & here_KB[:, None, :]


def or_nan(problem: Problem, xp: ArrayNamespace, largest: float | None = None) -> Problem:
    """The problem with NaN for factors over a largest one, by which digits would be lost.

    Values that can be read were refused before. largest: `largest_mix` when not given.
    """
    if problem.mix is None:
        return problem
    largest = largest_mix(problem.mix.dtype, xp) if largest is None else largest
    return replace(problem, mix=xp.where(xp.abs(problem.mix) > largest, xp.nan, problem.mix))


def mixed(
    problem: Problem,
    xp: ArrayNamespace,
    inverse_norm: Callable[[Array, Array, ArrayNamespace], Array] = inverse_norm,
) -> Problem:
    """The problem with its `mix`: e = (w_a a + w_b b) / |w_a a + w_b b|, 0 where not present."""
    found: list[Array] = []
    for m, part in enumerate(problem.parts):
        if isinstance(part, int):
            continue
        a, b = (problem.rows[i] for i in part)
        if problem.weights is None:
            mix = inverse_norm(a, b, xp)[None, :]
        else:
            w_a, w_b = problem.weights[len(found)]
            inverse_B = inverse_norm(w_a[:, None] * a, w_b[:, None] * b, xp)
            mix = xp.stack([w_a * inverse_B, w_b * inverse_B])
        if problem.present is not None:
            mix = xp.where(problem.present[m, None, :], mix, xp.zeros_like(mix))
        found.append(mix)
    return replace(problem, mix=xp.stack(found)) if found else problem


def embeddings_of(problem: Problem) -> list[Array]:
    """The embeddings of every modality, (B, D) each, mixed ones made of their parts."""
    embeddings = []
    for m, part in enumerate(problem.parts):
        if isinstance(part, int):
            embeddings.append(problem.rows[part])
        else:
            (a, f), (b, g) = problem.factors(m)
            embeddings.append(f[:, None] * problem.rows[a] + g[:, None] * problem.rows[b])
    return embeddings


def term_values(
    blocks: Blocks,
    asked: Sequence[tuple[int, int]],
    plan: Sequence[Softmax],
    single: bool,
    xp: ArrayNamespace,
) -> dict[int, Array]:
    """-log(share of the positive in its pool) for every direction, (B,) each, by its place.

    single: has every row a single positive (`Problem.own_is_one`)?
    """
    at = {block: i for i, block in enumerate(asked)}
    values = {}
    for softmax in plan:
        others = [at[softmax.query, n] for n in softmax.pool]
        own = [at[softmax.query, n] for n in softmax.own]
        for target in softmax.targets:
            # The differences first: they are small where the pairs are alike.
            k = at[softmax.query, target.modality]
            sums = [blocks.others[i, :] - blocks.mean[k, :] for i in others]
            # A single positive next to itself is 0 without a derivative: no digit is lost to it.
            zero = xp.zeros_like(blocks.mean[k, :])
            sums += [zero if single and i == k else _difference(blocks, i, k) for i in own]
            values[target.term] = logsumexp(xp.stack(sums), 0, xp)
    return values


def _difference(blocks: Blocks, i: int, k: int) -> Array:
    found = blocks.own[i, :] - blocks.mean[k, :]
    return found if blocks.rest is None else found + (blocks.rest[i, :] - blocks.rest[k, :])


def _classes(problem: Problem, xp: ArrayNamespace) -> tuple[Array, Array]:
    """Which samples k hold positives of sample j, and which hold no negatives: (B, B) each."""
    # Counting ones gives 0..B-1 on the device of the rows, which traced arrays do not tell.
    ones_B = xp.ones_like(problem.rows[0][:, 0], dtype=xp.int32)
    places_B = xp.cumulative_sum(ones_B, axis=0, dtype=xp.int32)
    own_BB = places_B[:, None] == places_B[None, :]
    if problem.ids is None:
        return own_BB, own_BB
    alike_BB = problem.ids[:, None] == problem.ids[None, :]
    return (alike_BB if problem.positives else own_BB), alike_BB
