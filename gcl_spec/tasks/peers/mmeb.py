"""VLM2Vec's numbers for MMEB v1: https://github.com/TIGER-AI-Lab/VLM2Vec, eval.py of tag v1.0.

It differs from `gcl_spec.recall` in this: a query is right where the first of its candidates has
the highest score, so among equal scores the one that stands first wins; NaN is the highest score.
So a query of norm 0 counts as right when rows are normalised, which is why such rows are given.

Its CLIP baseline adds the raw projections of text and picture (score fusion), takes texts as they
are published (`gcl_spec.tasks.mmeb.read`, as_published=True), and hides tokens by `peer_mask`.
"""

from typing import NamedTuple

import numpy as np

from gcl_spec._typing import FloatArray, IntArray
from gcl_spec.tasks.task import Task

__all__ = ["Choices", "peer_choices", "peer_mask"]


class Choices(NamedTuple):
    """What every query chose.

    chosen_Q: the place of the chosen candidate in the query's own list, 0 for the right one, (Q,).
    undefined: the numbers of queries with a score that is not finite.
    """

    chosen_Q: IntArray
    undefined: tuple[int, ...]

    @property
    def correct(self) -> int:
        """How many chose the right one, those with undefined scores among them as in the peer."""
        return int(np.count_nonzero(self.chosen_Q == 0))

    @property
    def accuracy(self) -> float:
        """The share of queries that chose the right one."""
        return self.correct / len(self.chosen_Q)


def peer_mask(ids_BL: IntArray, padding: int) -> IntArray:
    """The attention mask of the peer's CLIP baseline: 0 for every token that is the padding.

    OpenAI's tokenizers pad with the end token, so the end token of a text is hidden too, though the
    text's features are read at its place.

    Args:
        ids_BL: token numbers, (B, L).
        padding: the number of the padding token.

    Returns:
        Shape (B, L), 0 and 1.

    >>> peer_mask(np.asarray([[1, 7, 9, 9]]), 9)
    array([[1, 1, 0, 0]])
    """
    mask_BL: IntArray = (ids_BL != padding).astype(ids_BL.dtype)
    return mask_BL


def peer_choices(
    task: Task, queries_QD: FloatArray, candidates_CD: FloatArray, *, normalize: bool
) -> Choices:
    """Let every query of an MMEB task choose.

    Args:
        task: one of `gcl_spec.tasks.mmeb`.
        queries_QD: a row for each of its queries, (Q, D).
        candidates_CD: a row for each of its candidates, (C, D).
        normalize: by the cosine; else by the plain dot product, which is the peer's default.
    """
    number = {item.id: n for n, item in enumerate(task.candidates)}
    if normalize:
        queries_QD, candidates_CD = _unit(queries_QD), _unit(candidates_CD)
    chosen, undefined = [], []
    for place, (query, row_D) in enumerate(zip(task.queries, queries_QD, strict=True)):
        own = [number[id] for id in task.choices[query.id]]
        scores = candidates_CD[own] @ row_D
        if not np.all(np.isfinite(scores)):
            undefined.append(place)
        chosen.append(int(np.argmax(scores)))
    return Choices(np.asarray(chosen), tuple(undefined))


def _unit(rows_ND: FloatArray) -> FloatArray:
    with np.errstate(invalid="ignore"):
        unit_ND: FloatArray = rows_ND / np.linalg.norm(rows_ND, axis=1, keepdims=True)
    return unit_ND
