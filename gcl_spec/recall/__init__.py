"""Retrieval metrics of scores where they lie, on NumPy, PyTorch, JAX, with a stated rule for ties.

    ranking = rank(scores_QC, relevant)     # booleans (Q, C), or pairs (query, candidate)
    ranking.hit(10).expected                # (Q,), one value for each query

Candidates of equal score have no order. Each metric is therefore a band: *pessimistic* (within a
tie, relevant candidates come last), *expected* (the mean over all orders of the tie, in closed
form: McSherry and Najork, ECIR 2008), *optimistic* (they come first). The expected value is the one
to report; a wide band says that the model does not tell candidates apart.

hit@K is what CLIP, UniIR and the GCL paper call Recall@K; recall@K is what information retrieval
calls recall. nDCG counts gains, where candidates are relevant to different degrees. `RankingStream`
gives the same numbers of scores that come in chunks of candidates.

Start reading at `whole`; `ranking` has the metrics, `ties` their means, `counts` the counting.
"""

from gcl_spec.recall.ranking import Band, Ranking
from gcl_spec.recall.stream import RankingStream
from gcl_spec.recall.whole import rank

__all__ = ["Band", "Ranking", "RankingStream", "rank"]
