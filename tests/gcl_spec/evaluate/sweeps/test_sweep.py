"""Laws of a sweep, in spaces where the right answers are known."""

import json
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gcl_spec.errors import DataError
from gcl_spec.evaluate.calibrations.known import fit
from gcl_spec.evaluate.calibrations.rows import Rows, same_roles
from gcl_spec.evaluate.sweeps.compositions import Composition
from gcl_spec.evaluate.sweeps.result import Sweep
from gcl_spec.evaluate.sweeps.sweep import MOST, drawn, sweep
from gcl_spec.tasks.concepts import Concept
from gcl_spec.tasks.task import Item

MODALITIES = ("image", "text", "image+text")
COUNT, WIDTH = 30, 12
GRID = tuple(
    Composition(weights)
    for weights in ((10, 0, 0), (5, 5, 0), (7, 2, 1), (1, 1, 1), (0, 3, 7), (0, 0, 10))
)


def concepts(count: int = COUNT, *, own_views: bool = True) -> list[Concept]:
    """Each has a picture and a text, and is asked for by others of its own, or by the same."""
    made = []
    for n in range(count):
        parts = {"image": f"{n}.png", "text": f"thing {n}"}
        asked = {"image": f"q{n}.png", "text": f"asked {n}"} if own_views else parts
        queries = [{"image": asked["image"]}, {"text": asked["text"]}, asked]
        items = [Item(f"{n}-{m}", **own) for m, own in enumerate(queries)]
        made.append(Concept(f"c{n}", parts, tuple(items)))
    return made


class Space:
    """A row a concept, moved along an axis of its own for each modality; it counts what it made."""

    def __init__(self, gap: float = 0.0, seed: int = 0, noise: float = 0.0) -> None:
        rng = np.random.default_rng(seed)
        self.base = rng.normal(size=(COUNT * 2, WIDTH))
        self.base /= np.linalg.norm(self.base, axis=1, keepdims=True)
        self.gap, self.noise, self.made = gap, noise, []

    def __call__(self, items: Sequence[Item]) -> np.ndarray:
        self.made += [item.content for item in items]
        rows = np.zeros((len(items), WIDTH + 3))
        for row, item in zip(rows, items, strict=True):
            number = int("".join(filter(str.isdigit, item.text or item.image or "")))
            own = np.random.default_rng([number, MODALITIES.index(item.modality)])
            row[:WIDTH] = self.base[number] + self.noise * own.normal(size=WIDTH)
            row[WIDTH + MODALITIES.index(item.modality)] = self.gap
        return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def swept(
    space: Space, *, shuffle: int | None = None, only: Composition | None = None, **more: object
) -> Sweep:
    found = concepts()
    if shuffle is not None:
        found = [found[n] for n in np.random.default_rng(shuffle).permutation(COUNT)]
    return sweep(space, found, MODALITIES, grid=[only] if only else GRID, **more)


@settings(max_examples=2)
@given(st.integers(0, 9))
def test_coinciding_modalities_are_found_everywhere_with_their_shares(seed: int) -> None:
    found = swept(Space(seed=seed))
    for one in found.measured:
        assert one.value == pytest.approx(1)
        for shares in one.top.values():
            assert np.allclose(shares, one.composition.shares)
    assert found.spread == pytest.approx(0)


@settings(max_examples=2)
@given(st.integers(0, 9))
def test_a_gap_gives_the_top_to_the_modality_of_the_query(seed: int) -> None:
    """A constant offset raises the scores with all candidates of the query's own modality."""
    by_gap = [swept(Space(gap, seed, noise=0.3)) for gap in (0.0, 0.4, 3.0)]
    for small, large in pairwise(by_gap):
        for a, b in zip(small.measured, large.measured, strict=True):
            for m, name in enumerate(found_names(small)):
                assert b.top[name][m] >= a.top[name][m] - 1e-9
    far = {one.name: one for one in by_gap[-1].measured}
    assert far["50:50:0"].top["text"][1] == pytest.approx(1)  # 15 texts fill the first ten
    assert far["70:20:10"].top["text"][1] == pytest.approx(0.6)  # all six texts
    assert far["100:0:0"].top["text"][1] == 0.0
    assert by_gap[-1].spread > by_gap[0].spread


def found_names(found: Sweep) -> tuple[str, ...]:
    return found.modalities


def test_the_order_of_concepts_changes_nothing() -> None:
    space = Space(0.4, noise=0.4)
    found, other = swept(space), swept(space, shuffle=1)
    for a, b in zip(found.measured, other.measured, strict=True):
        assert a.counts == b.counts
        for name in MODALITIES:
            assert np.allclose(a.hit[name], b.hit[name])
            assert np.allclose(a.top[name], b.top[name])
    assert found.measured != swept(space, seed=1).measured


def test_a_collapsed_space_finds_by_chance() -> None:
    found = sweep(
        lambda items: np.ones((len(items), 4), np.float32) / 2, concepts(), MODALITIES, grid=GRID
    )
    for one in found.measured:
        low, value, high = one.band
        assert (low, value, high) == (0.0, pytest.approx(10 / COUNT), 1.0)
        shares = [count / COUNT for count in one.counts]
        assert all(np.allclose(top, shares) for top in one.top.values())


def test_loops_over_pools_give_the_same() -> None:
    """Each query by itself, in each pool, from the rows alone."""
    space, one = Space(0.4, noise=0.4), Composition((7, 2, 1))
    (found,) = swept(space, only=one).measured
    some = drawn(concepts())
    hits: dict[str, list[float]] = {name: [] for name in MODALITIES}
    first: dict[str, list[int]] = {name: [] for name in MODALITIES}
    for kinds_N in one.draws(np.arange(COUNT)):
        names = [MODALITIES[kind] for kind in kinds_N.tolist()]
        z_ND = space([c.document(name) for c, name in zip(some, names, strict=True)]).astype(float)
        for n, concept in enumerate(some):
            for query, row in zip(concept.queries, space(concept.queries), strict=True):
                best = np.argsort(-np.round(z_ND @ row.astype(float), 6), kind="stable")[:10]
                hits[query.modality].append(float(n in best))
                first[query.modality] += kinds_N[best].tolist()
    for name in MODALITIES:
        assert found.hit[name][1] == pytest.approx(np.mean(hits[name]))
        shares = [first[name].count(m) / len(first[name]) for m in range(3)]
        assert np.allclose(found.top[name], shares)


def test_every_item_is_encoded_once() -> None:
    space = Space()
    swept(space)
    assert len(space.made) == len(set(space.made)) == COUNT * 6


def test_a_query_is_asked_only_where_it_shares_nothing_with_its_document() -> None:
    """With one picture and one text a concept, texts look for pictures and pictures for texts."""
    found = sweep(Space(), concepts(own_views=False), MODALITIES, grid=GRID)
    by_name = {one.name: one for one in found.measured}
    assert by_name["100:0:0"].asked == {"image": 0, "text": COUNT, "image+text": 0}
    assert by_name["0:0:100"].asked == dict.fromkeys(MODALITIES, 0)
    assert np.isnan(by_name["0:0:100"].value)
    assert by_name["50:50:0"].asked == {"image": COUNT, "text": COUNT, "image+text": 0}
    assert by_name["50:50:0"].value == 1.0
    assert found.notes == (
        "queries by image, text are asked where the document has other parts",
        "no query by image+text is asked: all are parts of their documents",
    )


def test_queries_of_their_own_are_preferred() -> None:
    both = [
        Concept(a.id, a.parts, (*a.queries, *b.queries))
        for a, b in zip(concepts(), concepts(own_views=False), strict=True)
    ]
    found = sweep(Space(), both, MODALITIES, grid=GRID)
    assert found.notes == ()
    assert len(found.queries) == 3 * COUNT
    assert found.measured[0].asked == dict.fromkeys(MODALITIES, COUNT)
    half = [*both[:20], *concepts(own_views=False)[20:]]
    found = sweep(Space(), half, MODALITIES, grid=GRID)
    assert "text queries that share no part with their document ask for 20 of 30" in found.notes[1]
    assert len(found.queries) == 60


def test_what_has_the_query_s_content_is_left_out_for_that_query_alone() -> None:
    """A query is the text of concept 7; its own, 4, is the tenth without it. Ids do not count."""
    every = concepts()
    query = Item(every[7].id, None, every[7].parts["text"])
    every[4] = Concept(every[4].id, every[4].parts, (query,))
    order = [7, *(n for n in range(14) if n not in (4, 7))]
    order = [*order[:10], 4, *order[10:], *range(14, COUNT)]
    space = Space()
    space.base[order] = [[np.cos(t), np.sin(t), *([0] * (WIDTH - 2))] for t in np.arange(30) / 30]
    result = sweep(space, every, MODALITIES, grid=[Composition((0, 10, 0))])
    number = result.queries.index((query.id, "text"))
    assert result.measured[0].per_query[number] == 1.0
    assert result.measured[0].top["text"][1] == pytest.approx(1)


def test_two_modalities_and_calibrations() -> None:
    """A model without fused embeddings is swept along one edge; a mean that is taken off counts."""
    space = Space(3.0, noise=0.3)
    plain = sweep(space, concepts(), ("text", "image"))
    assert [one.name for one in plain.measured][:2] == ["100:0", "90:10"]
    assert plain.modalities == ("image", "text")
    rows = {
        name: Rows.single(name, space([Item("", **{name: f"{n}.png"}) for n in range(COUNT)]))
        for name in ("image", "text")
    }
    better = sweep(space, concepts(), ("text", "image"), fit("mean", same_roles(rows)))
    assert better.worst.value > plain.worst.value


def test_a_result_gives_itself_back() -> None:
    found = swept(Space(0.5, noise=0.5))
    assert Sweep.from_json(json.loads(json.dumps(found.to_json(), allow_nan=False))) == found


def test_of_many_concepts_some_are_drawn_in_any_order() -> None:
    every = concepts(MOST + 40)
    some = drawn(every)
    assert len(some) == MOST
    assert drawn(every[::-1]) == some
    assert drawn(every, seed=1) != some


def test_few_concepts_are_refused() -> None:
    with pytest.raises(DataError, match=r"7 concepts .* at least 20"):
        sweep(Space(), concepts(7), MODALITIES)
    with pytest.raises(DataError, match="one modality"):
        sweep(Space(), concepts(), ("text",))
    alone = [Concept(c.id, c.parts, (c.document("image+text"),)) for c in concepts()]
    with pytest.raises(DataError, match="no query can be asked"):
        sweep(Space(), alone, MODALITIES)
    with pytest.raises(DataError, match="no query can be asked"):
        sweep(Space(), concepts(own_views=False), MODALITIES, grid=GRID[-1:])


def test_hits_alone_are_the_same_hits() -> None:
    space = Space(gap=0.7, noise=0.2)
    whole, alone = (sweep(space, concepts(), MODALITIES, grid=GRID, top=x) for x in (True, False))
    for one, other in zip(whole.measured, alone.measured, strict=True):
        assert (one.hit, one.per_query, one.asked) == (other.hit, other.per_query, other.asked)
        assert other.top == {}
        assert other.to_json()["top 10"] is None
    assert alone.worst.name == whole.worst.name
    again = Sweep.from_json(json.loads(json.dumps(alone.to_json(), allow_nan=False)))
    assert again == alone
