"""How many of a query's negatives answer to it: they share its concept, caption or picture."""

from collections import Counter
from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from math import prod

__all__ = ["FalseNegatives", "false_negatives"]


@dataclass(frozen=True, slots=True)
class FalseNegatives:
    """The expected shares of a query's in-batch negatives, in [0, 1] (`false_negatives`)."""

    caption: float
    """The share that has the query's caption."""
    image: float
    """The share that has the bytes of the query's picture."""
    masked: float
    """The share that has the query's concept or caption: equal ids, so no negatives in training."""
    left: float
    """The share that has the query's picture, not its caption or concept: still negatives."""
    either: float
    """The sum masked + left."""


def false_negatives(
    rows: Iterable[tuple[Hashable | None, Sequence[Hashable], Hashable | None]],
) -> FalseNegatives:
    """The expected shares of false negatives, from (picture, captions, concept) of N samples.

    A batch is drawn from them without repetition, and a sample i draws each of its captions c with
    p_i(c) = 1 / (number of its captions). Two samples of a batch are any two of the N with the same
    probability, so that

        caption = (sum_c P(c)^2 - sum_i sum_c p_i(c)^2) / (N (N - 1)),  P(c) = sum_i p_i(c)

    and likewise for pictures and concepts (p = 1) and for what is shared at once. Then

        masked = caption + concept - (caption and concept)
        left = image - (image and caption) - (image and concept) + (all three)

    This is derived here, not taken from a paper. A query of a batch of B samples has (B - 1) *
    either false negatives to expect. Samples that training joins only through a third one of the
    batch are not counted as masked.

    >>> shares = false_negatives(
    ...     [("1", ["dog"], "d"), ("2", ["dog"], "d"), ("1", ["cat"], "c"), (None, [], "c")]
    ... )
    >>> shares.caption, shares.masked, shares.left
    (0.16666666666666666, 0.3333333333333333, 0.16666666666666666)
    """
    parts = [_parts(*row) for row in rows]
    count = len(parts)
    # What only one sample has is left out, since millions of pairs and triples would fill memory.
    known = Counter(part for sample in parts for part in sample)
    sums: dict[tuple[str, Hashable], float] = {}
    own: Counter[str] = Counter()
    for sample in parts:
        shared = {part: p for part, p in sample.items() if known[part] > 1}
        for name, key, p in _together(shared):
            sums[name, key] = sums.get((name, key), 0.0) + p
            own[name] += p * p  # type: ignore[assignment]  # Counters of floats work
    total: Counter[str] = Counter()
    for (name, _), p in sums.items():
        total[name] += p * p  # type: ignore[assignment]
    among = max(1, count * (count - 1))
    # A rounding error is no false negative.
    share = {n: total[n] - own[n] for n in ("i", "c", "k", "ic", "ck", "ik", "ick")}
    masked = share["c"] + share["k"] - share["ck"]
    left = share["i"] - share["ic"] - share["ik"] + share["ick"]
    shares = (share["c"], share["i"], masked, left, masked + left)
    return FalseNegatives(*(x / among if x > 1e-6 else 0.0 for x in shares))


Part = tuple[str, Hashable]


def _parts(
    image: Hashable | None, captions: Sequence[Hashable], concept: Hashable | None
) -> dict[Part, float]:
    """The probabilities of what a sample may share: "i", "c", "k" for image, caption, concept."""
    counts = Counter(captions)
    probabilities: dict[Part, float] = {("c", x): n / len(captions) for x, n in counts.items()}
    for name, value in (("i", image), ("k", concept)):
        if value is not None:
            probabilities[name, value] = 1.0
    return probabilities


def _together(parts: dict[Part, float]) -> Iterator[tuple[str, Hashable, float]]:
    """The parts, and combinations of them, such as "ic", with their names and probabilities."""
    images, captions, concepts = ([part for part in parts if part[0] == name] for name in "ick")
    for chosen in product(*([None, *group] for group in (images, captions, concepts))):
        key = tuple(part for part in chosen if part is not None)
        if key:
            yield "".join(name for name, _ in key), key, prod(parts[part] for part in key)
