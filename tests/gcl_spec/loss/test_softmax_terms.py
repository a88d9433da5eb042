"""Terms made of the sums of blocks, by hand."""

from dataclasses import replace

import numpy as np
import pytest

from gcl_spec._typing import Array
from gcl_spec.errors import InputError
from gcl_spec.loss.counts import Counts
from gcl_spec.loss.equation import contrastive_loss
from gcl_spec.loss.places import Places
from gcl_spec.loss.plan import make_plan
from gcl_spec.loss.problem import Asked, Blocks
from gcl_spec.loss.softmax_terms import FLOOR, SoftmaxTerms, asked_blocks
from gcl_spec.objective import CLIP, GCL, Direction, Objective

TWO = ("image", "text")
ROWS = {"image": np.eye(3), "text": np.eye(3)}


def values(blocks: Blocks, asked: tuple[tuple[int, int], ...], rule: Objective) -> dict[int, Array]:
    """The terms at one scale, of rows that are all there."""
    places = Places(rule, 0.0, None, blocks.own, lambda x: x, np)
    for softmax in make_plan(rule):
        places.of(softmax.targets[0].term, softmax.query, softmax.query)
    counts = Counts(blocks.mean.T, None, None, np)
    given = Asked(asked, (0,) * len(asked))
    return SoftmaxTerms(blocks, given, places, rule, True, counts, np).values(make_plan(rule))


def test_a_term_is_the_logarithm_of_the_share() -> None:
    others, own = np.log([[3.0, 1.0], [1.0, 7.0]]), np.log([[1.0, 3.0], [1.0, 1.0]])
    found = values(Blocks(others, own, own), ((0, 1), (1, 0)), CLIP)
    np.testing.assert_allclose(found[0], np.log([4.0, 4 / 3]))
    np.testing.assert_allclose(found[1], np.log([2.0, 8.0]))


def test_the_rest_of_a_logit_counts() -> None:
    """With a self term the own row of the query's modality has digits of its own."""
    own = np.zeros((2, 1))
    rule = Objective(TWO, (Direction(*TWO, pool="all"),), self_term="keep")
    rest = np.asarray([[0.5], [0.0]])
    others = np.full((2, 1), -np.inf)
    plain = values(Blocks(others, own, own), ((0, 0), (0, 1)), rule)
    more = values(Blocks(others, own, own, None, rest), ((0, 0), (0, 1)), rule)
    assert float(plain[0][0]) == pytest.approx(np.log(2))
    assert float(more[0][0]) == pytest.approx(np.log(1 + np.exp(0.5)))


def test_blocks_are_asked_once_and_with_hardness_once_more() -> None:
    def asked(rule: Objective, log_scale: Array | float, *, single: bool = True) -> Asked:
        places = Places(rule, log_scale, None, np.eye(2), lambda x: x, np)
        return asked_blocks(make_plan(rule), places, rule, single=single)

    assert asked(GCL, 1.0).places == (0,) * 9
    each = asked(GCL, np.zeros(6))
    assert len(each.blocks) == 18
    assert sorted({*each.places}) == list(range(6))
    hard = Objective(hardness=2.0)
    assert len(asked(hard, 1.0).blocks) == 18  # exp((s + a) c) and exp(a c)
    detached = replace(hard, hardness_weights="detached")
    assert len(asked(detached, 1.0).blocks) == 9  # own logits are linear in the scale
    assert len(asked(detached, 1.0, single=False).blocks) == 15  # log-sums of them are not


def test_a_debiased_sum_keeps_a_floor() -> None:
    """Positives of cosine 1 beside two negatives of cosine 0: e^x - gamma e is soon below 0."""
    rule = replace(CLIP, debias=0.5)
    for scale in (0.5, 3.0):
        positive = np.exp(scale)
        negatives = max(2 - 0.5 * positive, FLOOR * 2)
        found = contrastive_loss(ROWS, log_scale=np.log(scale), objective=rule)
        assert float(found) == pytest.approx(np.log1p(negatives / positive))


def test_one_row_has_no_negatives() -> None:
    alone = {name: rows[:1] for name, rows in ROWS.items()}
    for change in ({"hardness": 3.0}, {"debias": 0.3}, {"loss": "sigmoid"}):
        rule = replace(CLIP, **change)  # type: ignore[arg-type]
        want = np.log1p(np.exp(-2.0)) if "loss" in change else 0.0
        assert float(contrastive_loss(alone, log_scale=np.log(2), objective=rule)) == (
            pytest.approx(want)
        )


def test_a_sigmoid_counts_every_pair_once() -> None:
    """SigLIP (arXiv 2303.15343, algorithm 1): the sum over all pairs, divided by the batch."""
    logits = 2.0 * np.eye(3) - 1.0
    labels = 2 * np.eye(3) - 1
    want = np.log1p(np.exp(-labels * logits)).sum() / 3
    rule = replace(CLIP, loss="sigmoid", self_term="mask")
    found = contrastive_loss(ROWS, log_scale=np.log(2), objective=rule, bias=-1.0)
    assert float(found) == pytest.approx(want)
    relative = replace(rule, bias_unit="cosine")
    same = contrastive_loss(ROWS, log_scale=np.log(2), objective=relative, bias=0.5)
    assert float(same) == pytest.approx(want)


def test_hardness_counts_in_the_room_for_logits() -> None:
    """exp(alpha cos) is computed too: a hardness that no logit can hold is refused, not a NaN."""
    with pytest.raises(InputError, match="logits at this scale float64 cannot hold"):
        contrastive_loss(ROWS, log_scale=0.0, objective=replace(CLIP, hardness=1e308))


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"bias": np.zeros((2, 3))}, "bias has shape"),
        ({"bias": np.nan}, "bias is nan"),
        ({"log_scale": np.zeros((2, 2))}, "log_scale has shape"),
    ],
)
def test_a_bias_or_scale_that_does_not_fit_is_refused(
    options: dict[str, object], said: str
) -> None:
    with pytest.raises(InputError, match=said):
        contrastive_loss(ROWS, objective=CLIP, **{"log_scale": 0.0, **options})  # type: ignore[arg-type]
