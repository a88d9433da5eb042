"""How many of a query's negatives answer to it, because they share its caption or its picture."""

from collections import Counter
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass

__all__ = ["FalseNegatives", "false_negatives"]


@dataclass(frozen=True, slots=True)
class FalseNegatives:
    """Expected shares of a query's in-batch negatives, in [0, 1]; see `false_negatives`."""

    caption: float
    """Share the query's caption. Training gives them equal ids, so they are no negatives."""
    image: float
    """Share the bytes of the query's picture."""
    either: float
    """Share one of the two."""

    @property
    def left(self) -> float:
        """Share the picture but not the caption: negatives in training all the same."""
        return self.either - self.caption


def false_negatives(
    rows: Iterable[tuple[Hashable | None, Sequence[Hashable]]],
) -> FalseNegatives:
    """Of (picture, captions) of N samples, of which a batch is drawn without repetition.

    A sample i draws each of its captions c with p_i(c) = 1 / (number of its captions). Two samples
    of a batch are any two of the N with the same probability, so that

        caption = (sum_c P(c)^2 - sum_i sum_c p_i(c)^2) / (N (N - 1)),  P(c) = sum_i p_i(c)

    and likewise for pictures (p = 1) and for pairs of picture and caption; either = caption +
    image - both. A query of a batch of B samples has (B - 1) * either false negatives to expect.

    >>> false_negatives([("1", ["dog"]), ("2", ["dog"]), ("1", ["cat"]), (None, [])]).caption
    0.16666666666666666
    """
    captions: Counter[Hashable] = Counter()
    images: Counter[Hashable] = Counter()
    pairs: Counter[Hashable] = Counter()
    own = [0.0, 0.0, 0.0]
    count = 0
    for image, texts in rows:
        count += 1
        if image is not None:
            images[image] += 1
            own[1] += 1
        for text in dict.fromkeys(texts):
            p = texts.count(text) / len(texts)
            captions[text] += p  # type: ignore[assignment]  # Counters of floats work
            own[0] += p * p
            if image is not None:
                pairs[image, text] += p  # type: ignore[assignment]
                own[2] += p * p
    among = max(1, count * (count - 1))
    sums = [
        sum(x * x for x in counter.values()) - mine
        for counter, mine in zip((captions, images, pairs), own, strict=True)
    ]
    # A rounding error is no false negative.
    caption, picture, both = (x / among if x > 1e-6 else 0.0 for x in sums)
    return FalseNegatives(caption, picture, max(caption, caption + picture - both))
