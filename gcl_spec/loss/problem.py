"""A kernel's input and output: the rows of a batch as one problem, and the blocks of its answer.

A *block* (m, n) holds the logits of all rows of modality m with all rows of modality n. All that
the objective needs of it is, for each row, a log-sum-exp over the other samples' rows and one over
its own sample's.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple, TypeAlias

from gcl_spec._typing import Array, ArrayNamespace
from gcl_spec.loss.plan import Softmax
from gcl_spec.normalize import inverse_norm, largest_mix

__all__ = [
    "Blocks",
    "Part",
    "Problem",
    "embeddings_of",
    "mixed",
    "or_nan",
    "place_of_mixed",
    "without_arrays",
]


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
