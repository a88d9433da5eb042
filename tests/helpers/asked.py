"""A problem that is asked for all blocks of a plan at one scale."""

from collections.abc import Sequence
from dataclasses import replace

from gcl_spec.loss.plan import Softmax
from gcl_spec.loss.problem import Problem


def asked(problem: Problem, plan: Sequence[Softmax]) -> Problem:
    """The problem of the same rows with the blocks that the softmaxes of a plan need."""
    targets = {(softmax.query, t.modality) for softmax in plan for t in softmax.targets}
    blocks = {(s.query, n) for s in plan for n in (*s.pool, *s.own)} | targets
    return replace(problem, blocks=tuple(sorted(blocks)), targets=tuple(sorted(targets)))
