"""The evaluation on a hand-made space where the right answer is known."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from gcl_spec.errors import DataError, InputError
from gcl_spec.evaluate.evaluation import Report, evaluate
from gcl_spec.evaluate.examples import Example, examples
from gcl_spec.geometry import norm_imbalance
from gcl_spec.report.html import render
from gcl_spec.report.tables import comparison_rows, geometry_rows, markdown, report_rows, tie_width
from gcl_spec.tasks.task import Item, Task, union_pool

NAMES = ("ant", "bee", "cat", "dog")
TEXTS = tuple(Item(f"t-{n}", None, n) for n in NAMES)
PICTURES = tuple(Item(f"i-{n}", f"{n}.png") for n in NAMES)
T2I = Task(
    "t2i", TEXTS, PICTURES, {t.id: frozenset({i.id}) for t, i in zip(TEXTS, PICTURES, strict=True)}
)
I2T = Task(
    "i2t", PICTURES, TEXTS, {i.id: frozenset({t.id}) for t, i in zip(TEXTS, PICTURES, strict=True)}
)


def gapped(gap: float, noise: float = 0.0) -> object:
    """A space of one axis a concept and one axis a modality."""

    def encode(items: Sequence[Item]) -> np.ndarray:
        rows = np.zeros((len(items), 6), np.float32)
        for row, item in zip(rows, items, strict=True):
            name = (item.text or item.image or "").removesuffix(".png")
            row[NAMES.index(name)] = 1.0
            row[4 if item.modality == "image" else 5] = gap
        rows += noise * np.random.default_rng(0).normal(size=rows.shape)
        return rows / np.linalg.norm(rows, axis=1, keepdims=True)

    return encode


def test_a_gap_hurts_only_the_global_pool() -> None:
    report = evaluate(gapped(3.0), [T2I, I2T])
    assert report.average("local", "hit@1") == 1.0
    assert report.average("global", "hit@1") == 0.0
    assert report.geometry["cosine of image and text means"] < 0.1
    closed = evaluate(gapped(0.0), [T2I, I2T])
    assert closed.geometry["cosine of image and text means"] == pytest.approx(1.0)
    # A query's twin in its own modality is the query itself, and no candidate.
    assert closed.average("global", "hit@1") == 1.0
    assert tie_width(report) == 0.0


def test_collapsed_space_gives_chance_and_a_wide_band() -> None:
    report = evaluate(lambda items: np.full((len(items), 4), 0.5, np.float32), [T2I])
    assert report.value("text->image", "local", "hit@1") == pytest.approx(0.25)
    result = report.results[0]
    assert result.metrics["hit@1"] == (0.0, pytest.approx(0.25), 1.0)


def test_every_content_is_encoded_once() -> None:
    seen: list[tuple[str | None, str | None]] = []

    def encode(items: Sequence[Item]) -> np.ndarray:
        seen.extend((item.image, item.text) for item in items)
        return np.eye(8, dtype=np.float32)[: len(items)]

    evaluate(encode, [T2I, I2T])
    assert len(seen) == len(set(seen)) == 8


def test_kinds_are_averaged_before_the_average() -> None:
    twice = Task("t2i_again", T2I.queries, T2I.candidates, T2I.qrels)
    report = evaluate(gapped(3.0, 1.0), [T2I, twice, I2T])
    each = [report.value(kind, "local", "hit@1") for kind in ("text->image", "image->text")]
    assert report.average("local", "hit@1") == pytest.approx(np.mean(each))
    assert report.kinds() == ("image->text", "text->image")


def test_report_survives_json() -> None:
    import json

    report = evaluate(gapped(1.0), [T2I, I2T])
    assert Report.from_json(json.loads(json.dumps(report.to_json()))) == report
    with pytest.raises(DataError, match="not a report"):
        Report.from_json({"results": [{}], "geometry": {}})


def test_pool_needs_one_content_an_id() -> None:
    qrels = {query.id: frozenset({"i-ant"}) for query in T2I.queries}
    other = Task("other", T2I.queries, (Item("i-ant", "bee.png"),), qrels)
    with pytest.raises(DataError, match="'i-ant' has another content"):
        union_pool([T2I, other])
    with pytest.raises(DataError, match="no task"):
        evaluate(gapped(1.0), [])


def test_tasks_that_number_their_items_alike_have_one_pool() -> None:
    def numbered(task: Task) -> Task:
        names = {item.id: str(n) for n, item in enumerate(task.candidates)}
        candidates = tuple(item.renamed(names[item.id]) for item in task.candidates)
        qrels = {q: frozenset(map(names.__getitem__, found)) for q, found in task.qrels.items()}
        return replace(task, candidates=candidates, qrels=qrels)

    again = replace(T2I, name="again")
    one = evaluate(gapped(0.5, 0.3), [T2I, I2T, again])
    two = evaluate(gapped(0.5, 0.3), [numbered(T2I), numbered(I2T), numbered(again)])
    assert one == two
    assert [result.candidates for result in two.results] == [4, 8, 4, 8, 4, 8]
    shown = examples(gapped(0.5), [numbered(T2I), numbered(I2T)])
    assert [example.relevant for example in shown] == [
        example.relevant for example in examples(gapped(0.5), [T2I, I2T])
    ]


def test_tables() -> None:
    before, after = evaluate(gapped(3.0), [T2I, I2T]), evaluate(gapped(0.0), [T2I, I2T])
    rows = comparison_rows({"before": before, "after": after}, "hit@1")
    assert rows[-1] == ["average", "100.0", "100.0", "+0.0", "0.0", "100.0", "+100.0"]
    assert report_rows(after, "local")[1][:3] == ["I -> T", "4", "100.0"]
    assert geometry_rows({"": after})[1][0] == "effective rank"
    assert markdown([["a", "b"], ["1", "2"]]) == "| a | b |\n| --- | --: |\n| 1 | 2 |"


def test_page_is_self_contained_and_escaped() -> None:
    evil = Item("t-evil", None, "<script>alert(1)</script>")
    shown = [Example("text->image", evil, PICTURES[:1], (True,))]
    report = evaluate(gapped(1.0), [T2I, I2T])
    page = render(
        "<b>run</b>",
        report,
        report,
        metrics=[{"step": 1, "loss": 2.0}, {"step": 2, "loss": 1.0}],
        examples=[(shown[0], shown[0])],
        read_image=lambda path: b"RIFF",
    )
    assert "<script>" not in page
    assert "<b>run</b>" not in page
    assert "http" not in page.replace("http-equiv", "")
    assert 'class="item hit"' in page
    assert "data:image/webp;base64,UklGRg==" in page
    assert page.count("<svg") == 1


def test_examples_are_the_same_queries_each_time() -> None:
    one, two = examples(gapped(3.0), [T2I, I2T]), examples(gapped(0.0), [T2I, I2T])
    assert [e.query for e in one] == [e.query for e in two]
    assert len({(e.kind, e.query.id) for e in one}) == len(one) == 6
    assert Example.from_json(one[0].to_json()) == one[0]


def test_shuffled_candidates_change_nothing() -> None:
    """Equal rows tie wherever they stand, though float32 products depend on the place."""
    rng = np.random.default_rng(0)
    row = rng.normal(size=17).astype(np.float32)
    row /= np.linalg.norm(row)
    names = [f"n{n}" for n in range(37)]
    candidates = tuple(Item(name, f"{name}.png") for name in names)
    queries = tuple(Item(f"q{name}", None, name) for name in names)
    qrels = {f"q{name}": frozenset({name}) for name in names}
    reports = [
        evaluate(lambda items: np.tile(row, (len(items), 1)), [Task("t", queries, pool, qrels)])
        for pool in (candidates, candidates[::-1])
    ]
    for report in reports:
        assert report.results[0].metrics["hit@10"] == (0.0, pytest.approx(10 / 37), 1.0)


@pytest.mark.parametrize("count", [1, 2, 3, 4])
def test_examples_of_small_tasks_do_not_repeat(count: int) -> None:
    queries = T2I.queries[:count]
    task = Task("t", queries, PICTURES, {q.id: T2I.qrels[q.id] for q in queries})
    found = [example.query for example in examples(gapped(1.0), [task])]
    assert len(set(found)) == len(found) == min(3, count)


def test_nonsense_tasks_and_encoders_are_named() -> None:
    queries, right = T2I.queries, dict(T2I.qrels)
    for options, message in (
        (((), PICTURES, {}), "queries are none"),
        ((queries, PICTURES * 2, right), "share an id"),
        ((queries, PICTURES, {}), "each query once"),
        ((queries, PICTURES, {**right, queries[0].id: frozenset({"x"})}), "among the task's"),
    ):
        with pytest.raises(DataError, match=message):
            Task("t", *options)
    with pytest.raises(InputError, match=r"shape \(1, 4\) for 8 items"):
        evaluate(lambda items: np.ones((1, 4), np.float32), [T2I])
    with pytest.raises(InputError, match="'ant'} holds NaN"):
        evaluate(lambda items: np.full((len(items), 4), np.nan, np.float32), [T2I])


@pytest.mark.parametrize(
    "harm",
    [
        {"results": []},
        {"geometry": [1]},
        {"geometry": {"a": "x"}},
        {"results": None},
    ],
)
def test_damaged_reports_are_refused(harm: dict[str, object]) -> None:
    data = evaluate(gapped(1.0), [T2I]).to_json()
    with pytest.raises(DataError, match="not a report"):
        Report.from_json({**data, **harm})
    for key in ("metrics", "per_query"):
        broken = evaluate(gapped(1.0), [T2I]).to_json()
        broken["results"][0][key] = {}
        with pytest.raises(DataError, match="not a report"):
            Report.from_json(broken)


def test_the_geometry_is_that_of_the_kinds_that_are_there() -> None:
    t2t = Task("t2t", TEXTS, TEXTS[::-1], {t.id: frozenset({t.id}) for t in TEXTS})
    both = tuple(Item(f"b-{n}", f"{n}.png", n) for n in NAMES)
    b2t = Task(
        "b2t", both, TEXTS, {b.id: frozenset({t.id}) for b, t in zip(both, TEXTS, strict=True)}
    )

    def keys(*kinds: str) -> set[str]:
        own = {f"{what}, {kind}" for kind in kinds for what in ("effective rank", "anisotropy")}
        return {"effective rank", *own}

    two = {"cosine of image and text means", "distance of image and text means"}
    assert set(evaluate(gapped(1.0), [t2t]).geometry) == keys("text")
    assert set(evaluate(gapped(1.0), [b2t]).geometry) == keys("text", "image+text")
    assert set(evaluate(gapped(1.0), [I2T]).geometry) == keys("image", "text") | two
    found = set(evaluate(gapped(1.0), [T2I]).geometry)
    assert found == keys("image", "text") | two | {"mean distance of text and its image"}


def test_norm_imbalance_is_a_ratio_of_mean_norms() -> None:
    x, y = np.diag([2.0, 6.0]), np.diag([0.25, 0.75])
    assert norm_imbalance(x, y) == pytest.approx(8.0)
    assert norm_imbalance(y, x) == pytest.approx(0.125)
