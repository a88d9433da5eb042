"""Are our metrics those of trec_eval, on random data with many ties?

pip install pytrec_eval-terrier; python benchmarks/trec_eval.py [--queries 2000]

trec_eval orders equal scores by the ids of candidates, last first. So ids that put relevant
candidates last, or first, within a tie give both ends of our band, and the mean over all ids in
small pools is our expected value. It prints the largest difference of each metric.
"""

import argparse
from collections.abc import Sequence
from itertools import permutations

import numpy as np
import pytrec_eval

from gcl_spec.recall import Band, rank

NAMES = {
    "hit@1": "success_1",
    "hit@5": "success_5",
    "recall@5": "recall_5",
    "ndcg@5": "ndcg_cut_5",
    "mrr": "recip_rank",
    "average precision": "map",
    "graded ndcg@5": "ndcg_cut_5",
}
SMALL = 6


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--queries", type=int, default=2_000)
    queries = parser.parse_args().queries
    rng = np.random.default_rng(0)
    worst: dict[tuple[str, str], float] = {}
    for number in range(queries):
        small = number % 10 == 0
        count = SMALL if small else int(rng.integers(1, 60))
        scores = rng.integers(-3, 4, count).astype(float)
        grades = rng.integers(0, 4, count) * rng.integers(0, 2, count)
        grades[rng.integers(count)] = 1
        for name, measure in NAMES.items():
            own_grades = grades if name.startswith("graded") else np.minimum(grades, 1)
            ours = of_ours(name, scores, own_grades)
            orders = [np.argsort(own_grades, kind="stable"), np.argsort(-own_grades, kind="stable")]
            ends = [theirs(measure, scores, own_grades, order[::-1]) for order in orders]
            wanted = {"pessimistic": min(ends), "optimistic": max(ends)}
            if small:
                every = [
                    theirs(measure, scores, own_grades, order)
                    for order in permutations(range(SMALL))
                ]
                wanted["expected"] = float(np.mean(every))
            for end, value in wanted.items():
                difference = abs(float(getattr(ours, end)[0]) - value)
                worst[name, end] = max(worst.get((name, end), 0.0), difference)
    print("| metric | end of the band | largest difference |\n| --- | --- | --: |")
    for (name, end), difference in worst.items():
        print(f"| {name} | {end} | {difference:.1e} |")
    assert max(worst.values()) < 1e-12


def of_ours(name: str, scores: np.ndarray, grades: np.ndarray) -> Band:
    pairs = [(0, int(n)) for n in np.flatnonzero(grades)]
    ranking = rank(scores[None, :], pairs, gains=grades[grades > 0])
    return ranking.metric(name.removeprefix("graded "))


def theirs(measure: str, scores: np.ndarray, grades: np.ndarray, order: Sequence[int]) -> float:
    """trec_eval's value where a tie has its candidates in this order, the first one first."""
    ids = {int(n): f"{len(order) - place:03}" for place, n in enumerate(order)}
    qrels = {"q": {ids[n]: int(grade) for n, grade in enumerate(grades)}}
    run = {"q": {ids[n]: float(score) for n, score in enumerate(scores)}}
    values = pytrec_eval.RelevanceEvaluator(qrels, {measure}).evaluate(run)
    return float(values["q"][measure])


if __name__ == "__main__":
    main()
