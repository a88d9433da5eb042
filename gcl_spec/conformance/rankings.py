"""Holds retrieval metrics on every framework's arrays to the reference's loops."""

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from threading import Event
from time import perf_counter
from typing import Any

import numpy as np
import numpy.typing as npt
from array_api_compat import array_namespace, is_array_api_obj

from gcl_spec._typing import ArrayNamespace, FloatArray
from gcl_spec._words import one_line
from gcl_spec.backend import Backend, RankingBackend
from gcl_spec.conformance.cases.rankings import METRICS, RankingCase, ranking_cases
from gcl_spec.conformance.in_threads import in_threads
from gcl_spec.conformance.numpy_arrays import NumPyArrays
from gcl_spec.conformance.tolerances import rounded, unit_roundoff
from gcl_spec.conformance.verify import DTYPES, Result, Verdict
from gcl_spec.recall import Ranking, RankingStream, rank

__all__ = [
    "QUANTITY",
    "compare_ranking",
    "followed_by",
    "metrics_of",
    "verify_rankings",
    "wanted",
]

QUANTITY = "Recall@K"
"""The name of all retrieval metrics together in results."""


def verify_rankings(
    backends: Iterable[Backend | NumPyArrays],
    reference: Backend,
    cases: Sequence[RankingCase] | None = None,
    *,
    dtypes: Sequence[str] = DTYPES,
    jobs: int = 1,
) -> Verdict:
    """Compare the metrics of every backend, on every device that it has, with the reference's.

    A `RankingBackend` is asked for them; on the arrays of another one `gcl_spec.recall` computes
    them, from booleans, and from pairs and a stream.

    Args:
        backends: the backends under test.
        reference: a `RankingBackend`, whose float64 results are taken for the truth.
        cases: `ranking_cases()` when not given.
        dtypes: the dtypes of the scores.
        jobs: threads.

    Returns:
        Results of the quantity "Recall@K"; after Ctrl-C some.
    """
    began, stop = perf_counter(), Event()
    cases = ranking_cases() if cases is None else cases
    try:
        want = {dtype: [wanted(reference, case, dtype) for case in cases] for dtype in dtypes}
    except KeyboardInterrupt:
        return Verdict((), perf_counter() - began, interrupted=True)

    def verified(backend: Any, device: str, dtype: str) -> list[Result]:
        results: list[Result] = []
        for case, known in zip(cases, want[dtype], strict=True):
            result = compare_ranking(known, backend, case, dtype=dtype, device=device)
            if stop.is_set():  # a case that Ctrl-C ended says nothing
                break
            results.append(result)
        return results

    calls = [
        partial(verified, backend, device, dtype)
        for backend in backends
        for device in backend.devices()
        for dtype in dtypes
        if dtype != "bfloat16" or not isinstance(backend, NumPyArrays)
    ]
    all_results = in_threads(calls, jobs, stop)
    return Verdict(tuple(all_results), perf_counter() - began, stop.is_set())


def followed_by(first: Verdict, then: Verdict) -> Verdict:
    """The results of two runs as those of one."""
    results, seconds = (*first.results, *then.results), first.seconds + then.seconds
    return Verdict(results, seconds, first.interrupted or then.interrupted)


def wanted(reference: Backend, case: RankingCase, dtype: str) -> FloatArray:
    """The reference's metrics on scores rounded to a dtype, (T, 3, Q)."""
    assert isinstance(reference, RankingBackend)
    scores_QC = rounded(case.scores_QC, dtype).astype(np.float64)
    metrics_T3Q: FloatArray = reference.retrieval_metrics(
        scores_QC, case.relevant_QC, case.left_out_QC, rounded(case.gains_QC, dtype), METRICS
    )
    return metrics_T3Q


def compare_ranking(
    want: FloatArray, backend: Any, case: RankingCase, *, dtype: str, device: str
) -> Result:
    """The largest error of a backend's metrics on one case.

    Args:
        want: the reference's metrics, (T, 3, Q), NaN for queries that must be refused.
        backend: the backend under test.
        case: the inputs.
        dtype: the dtype of the scores.
        device: one of the backend's devices.
    """
    error, bound, size, note = 0.0, _bound(case, dtype), 1.0, ""
    try:
        for have in metrics_of(backend, case, dtype, device):
            bound = _bound(case, str(have.dtype))
            worst, what = _distance(have, want, dtype)
            error, note = max((error, note), (worst, what))
    except ValueError as refusal:
        if not np.isnan(want).any():
            error, note = np.inf, one_line(f"it is refused: {refusal}")
    except (Exception, SystemExit) as raised:
        error, note = np.inf, one_line(f"it raises {type(raised).__name__}: {raised}")
    masks = "left out" if case.left_out_QC.any() else "none"
    return Result(
        backend.name, device, 1, dtype, "rankings", masks, f"ranking: {case.name}", QUANTITY,
        error, bound, size, error / unit_roundoff(dtype), bound / error if error else np.inf,
        error <= bound, note if error > bound else "",
    )  # fmt: skip


def _bound(case: RankingCase, dtype: str) -> float:
    """The rounding of a mean of at most C terms up to 1, each of some ten operations."""
    roundoff = unit_roundoff("float64" if dtype == "float64" else "float32")
    return roundoff * (len(case.scores_QC[0]) + 32)


def metrics_of(
    backend: Any, case: RankingCase, dtype: str, device: str, metrics: tuple[str, ...] = METRICS
) -> list[FloatArray]:
    """The metrics, (T, 3, Q), in every way in which a backend gives them.

    Args:
        backend: the backend under test.
        case: the inputs.
        dtype: the dtype of the scores.
        device: one of the backend's devices.
        metrics: T names.
    """

    def array(x: npt.NDArray[Any], kind: str) -> Any:
        return backend.from_numpy(x, dtype=kind, device=device)

    def stacked(ranking: Ranking) -> FloatArray:
        return np.asarray([[to_numpy(x) for x in ranking.metric(n)] for n in metrics])

    to_numpy = backend.to_numpy
    masks = array(case.relevant_QC, "bool"), array(case.left_out_QC, "bool")
    scores_QC, gains_QC = array(case.scores_QC, dtype), array(case.gains_QC, dtype)
    if isinstance(backend, RankingBackend):
        return [to_numpy(backend.retrieval_metrics(scores_QC, *masks, gains_QC, metrics=metrics))]
    xp = array_namespace(scores_QC) if is_array_api_obj(scores_QC) else backend.xp
    whole = rank(scores_QC, masks[0], gains=gains_QC, left_out=masks[1], xp=xp)
    return [stacked(whole), stacked(_streamed(case, scores_QC, array, dtype, xp))]


def _streamed(
    case: RankingCase, scores_QC: Any, array: Callable[..., Any], dtype: str, xp: ArrayNamespace
) -> Ranking:
    """The ranking of a case whose candidates come in two chunks, from pairs."""
    pairs_P2, left_out_P2 = np.argwhere(case.relevant_QC), np.argwhere(case.left_out_QC)
    scores_P, gains_P = (array(x[case.relevant_QC], dtype) for x in (case.scores_QC, case.gains_QC))
    stream = RankingStream(
        scores_P, pairs_P2, queries=len(scores_QC), gains=gains_P, left_out=left_out_P2, xp=xp
    )
    half = scores_QC.shape[1] // 2
    stream.add(scores_QC[:, :half])
    stream.add(scores_QC[:, half:])
    return stream.ranking()


def _distance(have: FloatArray, want: FloatArray, dtype: str) -> tuple[float, str]:
    """The largest error, infinite where one of the two has no number, and where it is."""
    if have.shape != want.shape or str(have.dtype) not in {dtype, *DTYPES}:
        return np.inf, f"metrics are {have.dtype} of shape {have.shape}, not of {want.shape}"
    both = np.isnan(have) & np.isnan(want)
    error = np.where(both, 0.0, np.abs(have.astype(np.float64) - want))
    error = np.where(np.isnan(error), np.inf, error)
    name, order, query = (int(n) for n in np.unravel_index(int(error.argmax()), error.shape))
    which = ("pessimistic", "expected", "optimistic")[order]
    values = f"{have[name, order, query]:.6g}, and not {want[name, order, query]:.6g}"
    return float(error.max()), f"{which} {METRICS[name]} of query {query} is {values}"
