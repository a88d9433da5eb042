"""The scores of a sweep, for a comparison of two: composition by composition, and as a whole."""

from math import fsum

from gcl_spec.errors import InputError
from gcl_spec.evaluate.scores import Scores, TaskScores
from gcl_spec.evaluate.sweeps.result import Sweep

__all__ = ["WHOLE", "of_sweep"]

WHOLE = "whole"
"""The column of the whole sweep has this in the place of a composition."""
_METRIC = "hit@10"


def of_sweep(name: str, sweep: Sweep) -> Scores:
    """The scores of a sweep; queries are its tasks by their modality.

    The average of a column such as "70:20:10 hit@10" is the number that the sweep prints. In the
    column of the whole each query counts with its mean over the compositions in which it is asked,
    so that two sweeps are compared by queries that are independent of each other.

    Args:
        name: where it comes from.
        sweep: the sweep.

    Raises:
        InputError: two queries, or two compositions, have the same name.
    """
    if len(set(sweep.queries)) != len(sweep.queries):
        raise InputError(f"{name}: two queries of a modality have the same id")
    if len({one.name for one in sweep.measured}) != len(sweep.measured):
        raise InputError(f"{name}: two compositions have the same name")
    values = {one.name: one.per_query for one in sweep.measured}
    every = [
        [x for x in of_query if x is not None] for of_query in zip(*values.values(), strict=True)
    ]
    values[WHOLE] = tuple(fsum(some) / len(some) if some else None for some in every)
    columns = {f"{of} {_METRIC}": _tasks(sweep, values_Q) for of, values_Q in values.items()}
    pools = f"{sweep.concepts} concepts, seed {sweep.seed}, " + ", ".join(
        f"{one.draws} x {':'.join(map(str, one.counts))}" for one in sweep.measured
    )
    return Scores(name, {column: tasks for column, tasks in columns.items() if tasks}, pools=pools)


def _tasks(sweep: Sweep, values_Q: tuple[float | None, ...]) -> tuple[TaskScores, ...]:
    """The queries that are asked, a task for each modality that has some."""
    by_modality: dict[str, dict[str, float]] = {modality: {} for modality in sweep.modalities}
    for (id, modality), value in zip(sweep.queries, values_Q, strict=True):
        if value is not None:
            by_modality[modality][id] = value
    return tuple(TaskScores(f"by {m}", m, values) for m, values in by_modality.items() if values)
