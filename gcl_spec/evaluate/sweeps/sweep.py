"""Sweeps the composition of a pool: the same concepts, as other modalities.

The pools are those of mixed modality search (arXiv 2507.19054), in which some documents are texts,
some pictures, and some both. A retriever with a modality gap ranks the modality of the query first,
so what it finds depends on the shares; averages over pools of one composition do not show that.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from gcl_spec._typing import BoolArray, FloatArray, IntArray
from gcl_spec.errors import DataError
from gcl_spec.evaluate.calibrations.known import Chain, apply_to_items
from gcl_spec.evaluate.calibrations.rows import Encode, EncodedOnce, Role
from gcl_spec.evaluate.sweeps.compositions import Composition, compositions
from gcl_spec.evaluate.sweeps.pool import hits, measured
from gcl_spec.evaluate.sweeps.result import Band3, Measured, Sweep
from gcl_spec.objective import given_names, in_order, name_parts
from gcl_spec.progress import Quiet, Reporter
from gcl_spec.tasks.concepts import Concept
from gcl_spec.tasks.task import Item

__all__ = ["FEWEST", "MOST", "TOP", "drawn", "sweep"]

TOP = 10
"""The K of hit@K, and of the shares among the first K."""
FEWEST = 20
"""The fewest concepts of a sweep: of 20, half are found by chance, of fewer even more."""
MOST = 500
"""The most concepts of a sweep: where there are more, so many of them are drawn."""
_NOBODY = "no query can be asked: each shares a part with its document"
# As in an evaluation, scores that are equal to six decimals are tied.
_DECIMALS = 6


@dataclass(frozen=True, slots=True)
class _Asked:
    """The queries with all candidates that any pool may have.

    concept_Q: the number of each query's concept, (Q,). kind_Q: of its modality, (Q,).
    scores_QC: in units of the last decimal, for all concepts as the first modality, then as the
    second, and so on, (Q, M * N). honest_QM: whether the query shares no part with its document as
    each modality, (Q, M). twins: triples (query, modality, concept) of candidates of other concepts
    with exactly the query's content.
    """

    concept_Q: IntArray
    kind_Q: IntArray
    scores_QC: FloatArray
    honest_QM: BoolArray
    twins: Sequence[tuple[int, int, int]]


def sweep(
    encode: Encode,
    concepts: Sequence[Concept],
    modalities: Sequence[str],
    calibration: Chain | None = None,
    *,
    seed: int = 0,
    grid: Sequence[Composition] | None = None,
    origin: Mapping[str, str] | None = None,
    notes: Sequence[str] = (),
    reporter: Reporter | None = None,
    top: bool = True,
) -> Sweep:
    """hit@10, and the modalities of the first ten, in pools of every composition.

    Each concept stands once in each pool, as one modality, so that all pools have the same size.
    Which one it stands as is drawn by a hash of its content (`Composition.draws`). Relevant to a
    query is its own concept alone. A query is asked only where it shares no part with its document,
    for finding its own picture again is no answer: where a concept has a single picture and text, a
    picture looks for a text and a text for a picture. Queries that never share a part are
    preferred; where there are 20 of a modality, no others of it are asked, so that all pools get
    the same ones. Every item is encoded once.

    Args:
        encode: makes unit rows (N, D) of N items.
        concepts: at least 20; of more than 500 so many are drawn.
        modalities: those of the model.
        calibration: what is made of the rows before they are searched.
        seed: another one draws other pools.
        grid: which pools there are; all of `compositions` when not given.
        origin: what the result says of where it comes from.
        notes: lines that the result has, too.
        reporter: hears of progress.
        top: whether to count modalities among the first ten, too, which takes most of the time.

    Raises:
        DataError: too few concepts, or no query can be asked.
    """
    names = in_order(modalities)
    if len(names) < 2:
        raise DataError(
            f"the model has one modality, {', '.join(names)}; a sweep mixes two or more"
        )
    chosen = drawn(concepts, seed)
    queries, more = _queries(chosen, names)
    _check_enough(len(chosen), names)
    if not queries:
        raise DataError(_NOBODY)
    asked = _asked(EncodedOnce(encode), chosen, queries, names, calibration)
    grid = compositions(len(names)) if grid is None else grid
    # The concepts stand in the order of their hashes, which is that of the circle.
    points = []
    for n, one in enumerate(grid):
        (reporter or Quiet()).update("sweep", n, len(grid))
        points.append(_measured(asked, one, len(chosen), names, top))
    (reporter or Quiet()).update("sweep", len(grid), len(grid))
    if not any(one.hit for one in points):
        raise DataError(_NOBODY)
    ids = tuple((query.id, query.modality) for _, query in queries)
    where = tuple((origin or {}).items())
    return Sweep(names, len(chosen), seed, ids, tuple(points), (*notes, *more), where)


def _check_enough(concepts: int, names: Sequence[str]) -> None:
    """Raise a `DataError` for fewer concepts than `FEWEST`; `names` are the model's modalities."""
    if concepts < FEWEST:
        given = " and ".join(given_names(names))
        raise DataError(
            f"{concepts} concepts that have {given}, and a query; a sweep needs at least "
            f"{FEWEST} (what has an equal picture or text is one concept)"
        )


def drawn(concepts: Sequence[Concept], seed: int = 0) -> list[Concept]:
    """At most 500 of the concepts, by a hash of their contents, in the order of their hashes."""
    keys = [_key(concept, seed) for concept in concepts]
    return [concepts[n] for n in np.argsort(keys, kind="stable")[:MOST].tolist()]


def _key(concept: Concept, seed: int) -> str:
    text = json.dumps([seed, sorted(concept.parts.items())])
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _queries(
    concepts: Sequence[Concept], names: Sequence[str]
) -> tuple[list[tuple[int, Item]], tuple[str, ...]]:
    """The queries with the numbers of their concepts, and notes on those that are not asked."""
    queries: list[tuple[int, Item]] = []
    notes: list[str] = []
    partly: list[str] = []
    never: list[str] = []
    for name in names:
        every = [
            (n, query)
            for n, concept in enumerate(concepts)
            for query in concept.queries
            if query.modality == "+".join(sorted(name_parts(name)))
        ]
        own = [(n, q) for n, q in every if not any(concepts[n].shares(q, m) for m in names)]
        some = [(n, q) for n, q in every if not all(concepts[n].shares(q, m) for m in names)]
        if len(own) < FEWEST:
            (partly if some else never).append(name)
            queries += some
            continue
        queries += own
        covered = len({n for n, _ in own})
        if covered < len(concepts):
            asks = f"{name} queries that share no part with their document ask"
            notes.append(f"{asks} for {covered} of {len(concepts)} concepts")
    if partly:
        notes.append(f"queries by {', '.join(partly)} are asked where the document has other parts")
    if never:
        notes.append(f"no query by {', '.join(never)} is asked: all are parts of their documents")
    return queries, tuple(notes)


def _asked(
    once: EncodedOnce,
    concepts: Sequence[Concept],
    queries: Sequence[tuple[int, Item]],
    names: Sequence[str],
    calibration: Chain | None,
) -> _Asked:
    documents = [concept.document(name) for name in names for concept in concepts]
    items = [query for _, query in queries]
    once([*documents, *items])

    def made(wanted: Sequence[Item], role: Role) -> FloatArray:
        if calibration is None:
            return once(wanted).astype(np.float64)
        return apply_to_items(calibration, wanted, once, [role])[role].astype(np.float64)

    scores_QC = made(items, "query") @ made(documents, "candidate").T
    places: dict[object, list[int]] = {}
    for place, document in enumerate(documents):
        places.setdefault(document.content, []).append(place)
    twins = [
        (q, *divmod(place, len(concepts)))
        for q, (own, item) in enumerate(queries)
        for place in places.get(item.content, ())
        if place % len(concepts) != own
    ]
    return _Asked(
        np.asarray([n for n, _ in queries]),
        np.asarray([_number(item, names) for item in items]),
        np.rint(scores_QC * 10.0**_DECIMALS),
        np.asarray([[not concepts[n].shares(q, m) for m in names] for n, q in queries]),
        twins,
    )


def _number(item: Item, names: Sequence[str]) -> int:
    return next(n for n, name in enumerate(names) if {*name_parts(name)} == {*dict(item.content)})


def _measured(
    asked: _Asked, one: Composition, total: int, names: Sequence[str], top: bool
) -> Measured:
    """The pools of one composition: the mean over the draws in which a query is asked."""
    count, numbers_N = len(names), np.arange(total)
    kinds_PN = np.stack(one.draws(numbers_N))
    scores_PQN = np.moveaxis(asked.scores_QC[:, kinds_PN * total + numbers_N], 1, 0)
    # Is a query asked in a pool, (P, Q)?
    here_PQ = asked.honest_QM[np.arange(len(asked.concept_Q)), kinds_PN[:, asked.concept_Q]]
    pools, queries = np.nonzero(here_PQ)
    relevant = np.stack([pools, queries, asked.concept_Q[queries]], axis=1)
    twins = [
        (pool, q, n)
        for q, m, n in asked.twins
        for pool in np.flatnonzero(kinds_PN[:, n] == m).tolist()
    ]
    shares_PQM: FloatArray | None = None
    if top:
        hit, shares_PQM = measured(scores_PQN, kinds_PN, count, relevant, twins, k=TOP)
    else:
        hit = hits(scores_PQN, relevant, twins, k=TOP)
    times_Q = here_PQ.sum(axis=0)
    often_Q = np.maximum(times_Q, 1)
    mean_3Q = np.nan_to_num(np.stack(hit), nan=0.0).sum(axis=1) / often_Q
    own_MQ = (times_Q > 0) & (asked.kind_Q == np.arange(count)[:, None])
    by_query = {name: own_Q for name, own_Q in zip(names, own_MQ, strict=True) if own_Q.any()}
    return Measured(
        one,
        one.counts(total),
        len(kinds_PN),
        {name: _band(mean_3Q[:, own_Q]) for name, own_Q in by_query.items()},
        {} if shares_PQM is None else _top(shares_PQM, here_PQ, by_query),
        {name: int(own_Q.sum()) for name, own_Q in zip(names, own_MQ, strict=True)},
        tuple(x if n else None for x, n in zip(mean_3Q[1].tolist(), times_Q, strict=True)),
    )


def _top(
    shares_PQM: FloatArray, here_PQ: BoolArray, by_query: Mapping[str, BoolArray]
) -> dict[str, tuple[float, ...]]:
    """The modalities' shares of the first places, by the modality of the queries that are asked.

    Args:
        shares_PQM: of each query in each pool, (P, Q, M).
        here_PQ: whether a query is asked in a pool, (P, Q).
        by_query: the queries of each modality, (Q,).
    """
    often_Q1 = np.maximum(here_PQ.sum(axis=0), 1)[:, None]
    top_QM = np.where(here_PQ[..., None], shares_PQM, 0.0).sum(axis=0) / often_Q1
    return {name: tuple(top_QM[own_Q].mean(axis=0).tolist()) for name, own_Q in by_query.items()}


def _band(values_3Q: FloatArray) -> Band3:
    low, expected, high = values_3Q.mean(axis=1).tolist()
    return low, expected, high
