"""Writes what an evaluation found as runs and judgements of TREC's form, for other programs."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple, TypeAlias
from urllib.parse import quote

import numpy as np

from gcl_spec._typing import BoolArray, FloatArray, IntArray
from gcl_spec.tasks.task import Item, Task
from gcl_spec.tasks.trec import qrels_line, run_lines

__all__ = ["Seen", "TrecFolder", "Watch"]


class Seen(NamedTuple):
    """The scores of some queries of a task in a pool, as they were ranked.

    part: which queries. scores_QC: shape (Q, C), equal where candidates are tied. relevant_P2:
    pairs (query of the part, candidate), (P, 2), in order. gains_P: their grades, shape (P,).
    left_out: pairs (P, 2) or booleans (Q, C) of what does not compete.
    """

    task: Task
    pool: str
    candidates: Sequence[Item]
    part: slice
    scores_QC: FloatArray
    relevant_P2: IntArray
    gains_P: FloatArray
    left_out: IntArray | BoolArray

    def relevant(self) -> BoolArray:
        """What is relevant, booleans of shape (Q, C)."""
        return _matrix(self.relevant_P2, self.scores_QC.shape)

    def competing(self) -> BoolArray:
        """What is not left out, (Q, C); what is relevant never is."""
        competing_QC: BoolArray = ~_matrix(self.left_out, self.scores_QC.shape)
        return competing_QC | self.relevant()


Watch: TypeAlias = Callable[[Seen], None]
"""Something that is shown the scores of an evaluation."""


class TrecFolder:
    """A pair of files for each task and pool: TASK.POOL.run and TASK.POOL.qrels.

    Candidates that are relevant but not among the first `depth` of a query are in the judgements
    alone. A query that has nothing to find has a judgement of grade 0, so that it is not forgotten.

    Args:
        path: where they go.
        tag: the last column of a run.
        depth: how many candidates of a query are listed.
    """

    def __init__(self, path: Path, tag: str, depth: int = 1_000) -> None:
        self._path, self._depth = path, depth
        self._tag = "_".join(tag.split()) or "gcl"

    def __call__(self, seen: Seen) -> None:
        """Add the queries of a part to the files of their task and pool."""
        scores_QC = np.where(seen.competing(), seen.scores_QC.astype(np.float64), -np.inf)
        judged: dict[int, list[tuple[str, float]]] = {}
        for (query, candidate), gain in zip(
            seen.relevant_P2.tolist(), seen.gains_P.tolist(), strict=True
        ):
            judged.setdefault(query, []).append((seen.candidates[candidate].id, gain))
        base = self._path / f"{quote(seen.task.name, safe='')}.{seen.pool}"
        queries = seen.task.queries[seen.part]
        with (
            Path(f"{base}.run").open("a", encoding="utf-8") as run,
            Path(f"{base}.qrels").open("a", encoding="utf-8") as qrels,
        ):
            for number, query in enumerate(queries):
                row_C = scores_QC[number]
                best = np.argsort(-row_C, kind="stable")[: self._depth].tolist()
                scored_ids = [
                    (seen.candidates[n].id, float(row_C[n])) for n in best if row_C[n] > -np.inf
                ]
                run.writelines(run_lines(query.id, scored_ids, self._tag))
                lines = [qrels_line(query.id, *one) for one in judged.get(number, [])]
                first = scored_ids[0][0] if scored_ids else "-"
                qrels.writelines(lines or [qrels_line(query.id, first, 0)])


def _matrix(chosen: IntArray | BoolArray, shape: tuple[int, ...]) -> BoolArray:
    """Pairs (P, 2), or booleans of a shape (Q, C), as booleans of that shape."""
    if chosen.dtype == bool:
        return np.array(chosen)
    cells_QC = np.zeros(shape, bool)
    cells_QC[tuple(chosen.T)] = True
    return cells_QC
