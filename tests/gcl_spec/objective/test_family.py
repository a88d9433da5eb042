"""An objective is checked when it is made; its plan says what the definition says."""

from itertools import product

import pytest

from gcl_spec.errors import ConfigError
from gcl_spec.objective import GCL, Direction, Objective

OUTSIDE = (Direction("a", "b", pool=("c",)), Direction("a", "c", pool="target"))
"""Two directions that share a pool, of which one's target alone is of its modalities."""


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Direction("image", "image"), "must differ"),
        (lambda: Direction("image", "text", 0.0), "must be positive"),
        (lambda: Direction("image", "text", float("nan")), "must be positive"),
        (lambda: Objective(modalities=("image",)), "at least two"),
        (lambda: Objective(modalities=("image", "image")), "each once"),
        (lambda: Objective(directions=(Direction("image", "audio"),)), "no modality 'audio'"),
        (lambda: Objective(directions=(Direction("image", "text"),) * 2), "given twice"),
        (lambda: Objective(pool="some"), "must be one of all, target"),
        (lambda: Direction("image", "text", pool=()), "name at least one"),
        (lambda: Direction("image", "text", pool=("text", "text")), "each once"),
        (lambda: Objective(directions=(Direction("image", "text", pool=("a",)),)), "modality 'a'"),
        (lambda: Objective(positives=1.5), "a number from 0 to 1"),
        (lambda: Objective(positives=True), "a number from 0 to 1"),
        (lambda: Objective(hardness=-1.0), "0 or more"),
        (lambda: Objective(hardness=float("nan")), "0 or more"),
        (lambda: Objective(debias=1.0), "less than 1"),
        (lambda: Objective(loss="ranking"), "must be one of softmax, sigmoid"),
        (lambda: Objective(positives=0.5, same_sample="drop"), "a pool without the others"),
        (lambda: Objective(positives=0.5, pool="target"), "no two directions share"),
        (lambda: Objective(positives=0.5, pool="query"), "holds the targets of both"),
        (lambda: Objective(modalities=("a", "b", "c"), directions=OUTSIDE, positives=0.0), "both"),
        (lambda: Objective(hardness_weights="detached"), "weights nothing"),
        (lambda: Objective(loss="sigmoid", hardness=1.0), "hardness = 1.0 with loss = 'sigmoid'"),
        (lambda: Objective(loss="sigmoid", positives=1.0), "positives = 1.0 with loss"),
        (lambda: Objective(loss="sigmoid", self_term="keep"), "negative of itself"),
        (lambda: Objective(loss="sigmoid", duplicates="positive"), "has one positive"),
    ],
)
def test_nonsense_is_refused(make: object, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        make()  # type: ignore[operator]


def test_objectives_are_hashable_values() -> None:
    options = product(("mask", "keep"), ("keep", "drop"))
    assert len({Objective(self_term=s, same_sample=d) for s, d in options}) == 4  # type: ignore[arg-type]
    assert hash(Objective()) == hash(GCL)


def test_a_pool_of_names_is_a_set() -> None:
    """A query tower against three views of a document, in any order."""
    views = ("text", "image", "image+text")
    some, same = (Direction("query", "text", pool=names) for names in (views, views[::-1]))
    assert some == same
    rule = Objective(modalities=("query", *views), directions=(some,))
    assert rule.pool_names(some) == views
    with pytest.raises(ConfigError, match="given twice"):
        Objective(directions=(Direction("image", "text"), Direction("image", "text", pool=views)))
