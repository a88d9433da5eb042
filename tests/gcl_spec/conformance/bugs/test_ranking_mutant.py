"""A backend with a bug in its retrieval metrics."""

import numpy as np
import pytest

from gcl_spec import registry
from gcl_spec.conformance.bugs.ranking_mutant import RankingMutant

SCORES = np.asarray([[0.5, 0.9]])
RELEVANT = np.asarray([[True, False]])
GAINS = np.ones((1, 2))


def test_a_backend_is_asked_once_a_question() -> None:
    memory: dict = {}
    ask = (SCORES, RELEVANT, ~RELEVANT & False, GAINS, ("mrr",))
    torch = registry.load("torch")
    doubled = RankingMutant(torch, lambda asked, answer: 2 * answer(asked), memory)
    assert doubled.retrieval_metrics(*ask).tolist() == [[[1.0]] * 3]
    right = RankingMutant(registry.load("reference"), lambda asked, answer: answer(asked), memory)
    assert right.retrieval_metrics(*ask).tolist() == [[[0.5]] * 3]
    assert len(memory) == 1


def test_a_refusal_is_remembered() -> None:
    mutant = RankingMutant(registry.load("torch"), lambda asked, answer: answer(asked), {})
    for _ in range(2):
        with pytest.raises(ValueError, match="no candidate is relevant"):
            mutant.retrieval_metrics(SCORES, RELEVANT & False, RELEVANT & False, GAINS, ("mrr",))
