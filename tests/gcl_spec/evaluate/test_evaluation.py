"""The evaluation on a hand-made space where the right answer is known."""

from collections.abc import Sequence

import numpy as np
import pytest

from gapped_space import I2T, NAMES, PICTURES, T2I, TEXTS, gapped
from gcl_spec.errors import DataError, InputError
from gcl_spec.evaluate.evaluation import Report, evaluate
from gcl_spec.report.tables import tie_width
from gcl_spec.tasks.task import Item, Task


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
    for key, value in (("task", []), ("kind", 1), ("pool", {}), ("per_query", 3)):
        broken = evaluate(gapped(1.0), [T2I]).to_json()
        result = broken["results"][0]
        result[key] = dict.fromkeys(result[key], value) if key == "per_query" else value
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
