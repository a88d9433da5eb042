"""Hits by bytes, on spaces where they are known."""

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from gapped_space import I2T, T2I, gapped
from gcl_spec.errors import DataError, InputError
from gcl_spec.evaluate.calibrations import Rows, fit, same_roles
from gcl_spec.evaluate.evaluation import Report, evaluate
from gcl_spec.evaluate.small.curve import Curve, curve
from gcl_spec.evaluate.small.forms import QUANTISED
from gcl_spec.normalize import l2_normalize
from gcl_spec.tasks.task import Item, Task

COUNT = 60
TEXTS = tuple(Item(f"t{n}", text=f"text {n}") for n in range(COUNT))
PICTURES = tuple(Item(f"i{n}", image=f"{n}.png") for n in range(COUNT))
ANSWERS = {f"t{n}": frozenset({f"i{n}"}) for n in range(COUNT)}
SEARCH = Task("t2i", TEXTS, PICTURES, ANSWERS)
WIDTH = 32


def space(items: Sequence[Item]) -> np.ndarray:
    """A row for each number, near to which its text and its picture lie."""
    found = []
    for item in items:
        number = int((item.text or item.image or "").removeprefix("text ").removesuffix(".png"))
        draws = [np.random.default_rng(seed) for seed in (number, 1000 + number)]
        noise = draws[1].normal(size=WIDTH) * (1.1 if item.image else 0)
        found.append(draws[0].normal(size=WIDTH) + noise)
    return l2_normalize(np.asarray(found, np.float32))


def hits(report: Report, pool: str = "global") -> float:
    return report.average(pool, "hit@10")


def test_every_form_at_every_width_by_bytes() -> None:
    found = curve(space, [SEARCH], forms=QUANTISED["all"], dims=(8, 16))
    assert len(found.measured) == 6 * 3
    sizes = [one.bytes for one in found.measured]
    assert sizes == sorted(sizes)
    by_name = {(one.form, one.dims): one for one in found.measured}
    whole = evaluate(space, [SEARCH])
    assert found.reference is by_name["float32", WIDTH]
    for one, want in zip(found.reference.report.results, whole.results, strict=True):
        assert one.metrics["hit@10"] == want.metrics["hit@10"]
        assert one.per_query["hit@10"] == want.per_query["hit@10"]
    value = {name: hits(one.report) for name, one in by_name.items()}
    assert value["float32", 8] < value["float32", 16] < value["float32", WIDTH]
    assert value["binary", WIDTH] < value["binary+int8", WIDTH] <= value["float32", WIDTH]
    assert value["int8", WIDTH] == pytest.approx(value["float32", WIDTH], abs=0.02)
    assert by_name["binary", 8].rescored is None
    assert by_name["binary+bits", 8].rescored > by_name["binary+bits", WIDTH].rescored >= 40
    low, expected, high = by_name["binary", 8].report.results[1].metrics["hit@10"]
    assert low < expected < high


def test_the_same_whatever_order_candidates_have() -> None:
    mixed = replace(SEARCH, candidates=PICTURES[::-1])
    found = [curve(space, [one], forms=QUANTISED["all"], dims=(8,)) for one in (SEARCH, mixed)]
    assert found[0].to_json() == found[1].to_json()


def test_json_has_every_pair_and_query() -> None:
    found = json.loads(json.dumps(curve(gapped(1.0), [T2I, I2T], forms=["int8"]).to_json()))
    assert found["width"] == 6
    first = found["measured"][0]
    assert (first["form"], first["dims"], first["bytes"]) == ("int8", 6, 6)
    assert {*first["hit@10"]["global"]} == {"average", "text->image", "image->text"}
    assert {*first["results"][0]["per_query"]["hit@10"]} == {*T2I.qrels}


def test_a_curve_is_read_back() -> None:
    made = curve(gapped(1.0), [T2I, I2T], forms=["int8", "binary+bits"])
    made = replace(made, origin=(("data", "starter"),))
    written = json.loads(json.dumps(made.to_json()))
    assert Curve.from_json(written) == made

    def harmed(number: int, **values: Any) -> dict[str, Any]:
        every = [dict(one) for one in written["measured"]]
        every[number] |= values
        return {**written, "measured": every}

    first, whole = written["measured"][0], written["measured"][-1]
    bad = {**whole["results"][0], "metrics": {"hit@10": [0.0, 7.0, 1.0]}}
    for data in (
        {}, [], {**written, "measured": 3}, {**written, "width": "x"}, {**written, "origin": []},
        harmed(0, form="int4"), harmed(0, dims=0), harmed(0, bytes=0), harmed(0, results=[]),
        harmed(0, results=first["results"][:1]), harmed(-1, results=[bad, *whole["results"][1:]]),
        harmed(-1, form="int8"), {**written, "measured": []},
    ):  # fmt: skip
        with pytest.raises(DataError, match="not a curve of gcl eval: "):
            Curve.from_json(data)


def test_a_calibration_comes_before() -> None:
    """Of rows with a gap the bits are those of the gap; centred rows have their own."""
    task = Task("t2i", TEXTS, (*PICTURES, *TEXTS), ANSWERS)

    def gap(items: Sequence[Item]) -> Any:
        sign = np.asarray([[1.0 if item.image else -1.0] for item in items], np.float32)
        return l2_normalize(space(items) + sign)

    rows = {name: gap(items) for name, items in (("text", TEXTS), ("image", PICTURES))}
    samples = same_roles({name: Rows.single(name, z) for name, z in rows.items()})
    plain = curve(gap, [task], forms=["binary"]).measured[0]
    centred = curve(gap, [task], fit("mean", samples), forms=["binary"]).measured[0]
    assert hits(plain.report) < 0.2 < 0.5 < hits(centred.report)
    with pytest.raises(InputError, match="'bank' appends numbers to rows"):
        curve(gap, [task], fit("bank", samples), forms=["binary"])


def test_a_width_that_is_no_multiple_of_eight_is_whole_bytes_of_the_whole_row() -> None:
    found = curve(gapped(0.0), [T2I], forms=["binary"])
    assert [(one.dims, one.bytes) for one in found.measured] == [(6, 1), (6, 24)]
    assert hits(found.measured[0].report) == 1.0


def test_what_is_refused() -> None:
    encoded = []
    with pytest.raises(InputError, match="rows of 32 numbers cannot be cut to 64"):
        curve(lambda items: encoded.append(len(items)) or space(items), [SEARCH], dims=(8, 64))
    assert encoded == [1]
    with pytest.raises(InputError, match="12 dims are no whole bytes as binary"):
        curve(space, [SEARCH], forms=["int8", "binary"], dims=(12,))
    with pytest.raises(InputError, match="0 dims; a row has 1 number at least"):
        curve(space, [SEARCH], dims=(0,))
    with pytest.raises(DataError, match="no task"):
        curve(space, [])
