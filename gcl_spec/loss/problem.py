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
    "Asked",
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
"""The place of a modality's rows among the given rows, or of the two that it is mixed of."""


def place_of_mixed(parts: Sequence[Part], m: int) -> int:
    """The place of the mixed modality m among all modalities that are mixed.

    >>> place_of_mixed((0, 1, (0, 1), 2, (0, 2)), 4)
    1
    """
    return sum(not isinstance(part, int) for part in parts[:m])


class Asked(NamedTuple):
    """The blocks that are asked of a kernel: the query and pool modality, and the place, of each.

    A place is the number of a scale (`gcl_spec.loss.places`); where all blocks have one scale there
    are no places.
    """

    blocks: tuple[tuple[int, int], ...]
    places: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Problem:
    """The input of a kernel: rows, which modalities they are, and who is whose negative.

    Args:
        rows: one (B, D) array for each modality that is given; absent rows are zero.
        parts: for each modality its rows' place in `rows`, or the two places that it is mixed of.
        blocks: the (query, pool) pairs of modalities that are asked for.
        targets: the asked blocks whose own rows are positives.
        weights: for each mixed modality, in order, (B,) weights of its two parts; None: all 1.
        mix: (F, 1, B) or (F, 2, B), made by `mixed`: the factors of the parts, so that the unit row
            is e = mix[0] x_a + mix[-1] x_b; None where nothing is mixed.
        present: (M, B) booleans; None where every row is present.
        ids: (B,) integers; None where every sample has an id of its own.
        positives: whether samples of equal ids are each other's positives, or merely no negatives.
        damp: (B, F) unit rows S of the captions; cosines within one modality are multiplied by
            1 - S_j . S_k (AlignCLIP, arXiv 2406.17639).
        places: for each block the place of its scale among those that a kernel is given, (S,);
            empty where one scale, shape (), serves all blocks.
        sigmoid: whether `Blocks.others` is to be the sum of softplus(x + shift), in place of the
            log-sum-exp of the logits x (SigLIP, arXiv 2303.15343).
        shift: of a sigmoid's logits, shape (), or one for each place, (S,); None: none.
        lift: a number or shape (), the most by which sums of one block will be raised above those
            of another, in natural units.
        bounded: whether every log-sum will stand beside that of a positive at its own scale.
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
    places: tuple[int, ...] = ()
    sigmoid: bool = False
    shift: Array | None = None
    lift: Array | float = 0.0
    bounded: bool = True

    def ask_for(self, asked: Asked, plan: Sequence[Softmax]) -> "Problem":
        """The problem of the same rows with the blocks, at their scales, that a plan's terms need.

        Args:
            asked: the blocks; one place alone is none.
            plan: the softmaxes whose targets are positives.
        """
        targets = {(softmax.query, t.modality) for softmax in plan for t in softmax.targets}
        places = asked.places if max(asked.places) > 0 else ()
        return replace(self, blocks=asked.blocks, targets=tuple(sorted(targets)), places=places)

    def factors(self, m: int) -> tuple[tuple[int, Array], ...]:
        """The places of modality m's given rows, each with its factors: (B,), or 1.0 alone."""
        part = self.parts[m]
        if isinstance(part, int):
            return ((part, 1.0),)
        mix = self.mix[place_of_mixed(self.parts, m), ...]  # type: ignore[index]
        return (part[0], mix[0, :]), (part[1], mix[-1, :])

    @property
    def own_is_one(self) -> bool:
        """Whether every row has its own sample's row as its single positive."""
        return self.ids is None or not self.positives


def without_arrays(problem: Problem) -> Problem:
    """The part of a problem that holds no array: modalities, blocks and rules."""
    bare = replace(problem, rows=(), weights=None, mix=None, present=None, ids=None, damp=None)
    return replace(bare, shift=None, lift=0.0)


class Blocks(NamedTuple):
    """The answer of a kernel, for the K asked blocks in order and all rows of their queries."""

    others: Array
    """(K, B), log sum exp of the logits over present rows of samples with other ids, or -inf; of a
    sigmoid's problem the sum of softplus(logit + shift) over these rows."""
    own: Array
    """(K, B), log sum exp over present rows of the own sample (of equal ids, with `positives`)."""
    mean: Array
    """(K, B), the mean of the logits over the same rows as `own`."""
    present: Array | None = None
    """(M, B) flags of the rows of the answer, where these are more than the problem's."""
    rest: Array | None = None
    """(K, B), what own and mean of a single positive lack in digits; it has no derivative."""
    ids: Array | None = None
    """(B,) integers of the rows of the answer, where these are more than the problem's."""


def or_nan(problem: Problem, xp: ArrayNamespace, largest: float | None = None) -> Problem:
    """The problem with NaN for mixing factors that are too large, by which digits would be lost.

    Values that can be read were refused before; this is for compiled code and for GPUs.

    Args:
        problem: the problem, with its `mix`.
        xp: the Array API namespace of the arrays.
        largest: the largest factor; `gcl_spec.normalize.largest_mix` when not given.
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
    """The problem with its `mix`: e = (w_a a + w_b b) / |w_a a + w_b b|, 0 where not present.

    This is the score fusion of UniIR (arXiv 2311.17136), which GCL (2509.25638) trains with.

    Args:
        problem: rows of shape (B, D), with the weights of their mixtures.
        xp: the Array API namespace of the arrays.
        inverse_norm: 1 / |a + b|, (B,), of two arrays of rows, (B, D) each.
    """
    factors: list[Array] = []
    for m, part in enumerate(problem.parts):
        if isinstance(part, int):
            continue
        a, b = (problem.rows[i] for i in part)
        weights = None if problem.weights is None else problem.weights[len(factors)]
        if weights is not None:
            a, b = (w[:, None] * x for w, x in zip(weights, (a, b), strict=True))
        inverse_B = inverse_norm(a, b, xp)
        # This comes before the weights: two rows of zeros have the largest inverse norm.
        if problem.present is not None:
            inverse_B = xp.where(problem.present[m, :], inverse_B, xp.zeros_like(inverse_B))
        alike = inverse_B[None, :]
        factors.append(alike if weights is None else xp.stack([w * inverse_B for w in weights]))
    return replace(problem, mix=xp.stack(factors)) if factors else problem


def embeddings_of(problem: Problem) -> list[Array]:
    """The embeddings of every modality, (B, D) each; mixed ones are made of their parts."""
    embeddings = []
    for m, part in enumerate(problem.parts):
        if isinstance(part, int):
            embeddings.append(problem.rows[part])
        else:
            (a, f), (b, g) = problem.factors(m)
            embeddings.append(f[:, None] * problem.rows[a] + g[:, None] * problem.rows[b])
    return embeddings
