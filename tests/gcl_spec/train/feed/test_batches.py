"""Batches by step: the rows that are used, and those that are bad."""

import json
from pathlib import Path

import numpy as np
import pytest

from gcl_spec.data.equal_rows import class_ids
from pieces import data, equal, lines_of, options, write


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("stream") / "data")


def test_rows_with_one_modality_are_used(folder: Path) -> None:
    with data(options(folder, "train.batch_size=40")) as found:
        batch = found.batch(0)
        order, draws = found.order.batch(0)
    image, text, both = map(batch.has, ("image", "text", "image+text"))
    assert (~text & image).sum() == 6
    assert (~image & text).sum() > 4
    np.testing.assert_array_equal(both, image & text)
    lines = [json.loads(line) for line in (folder / "train.jsonl").read_text().splitlines()]
    chosen = [lines[n] for n in order]
    captions = [
        line["captions"][draw % 2] if line["captions"] else None
        for line, draw in zip(chosen, draws, strict=True)
    ]
    concepts = [(line["captions"] or [line["id"]])[0] for line in chosen]
    np.testing.assert_array_equal(batch.ids, class_ids(concepts, captions))
    assert not batch.inputs["image/pixels"][~image].any()


@pytest.mark.parametrize("frozen", ["none", "both"])
def test_bad_samples_are_marked_and_listed(frozen: str, tmp_path: Path) -> None:
    broken = (1, 2, 20)
    good, bad = write(tmp_path / "good"), write(tmp_path / "bad", broken=broken)
    text = (bad / "train.jsonl").read_text().split("\n")
    text[10] = '{"id": 10}'
    (bad / "train.jsonl").write_text("\n".join(text))
    more = ("data.max_bad=0.2", f"model.freeze={frozen}")
    whole, holed = data(options(good, *more)), data(options(bad, *more))
    holed.list_bad(tmp_path / "bad_samples.jsonl")
    with whole, holed:
        for step in range(5):
            want, found = whole.batch(step), holed.batch(step)
            numbers = holed.order.batch(step)[0]
            gone = np.isin(numbers, (*broken, 10))
            assert not any(flags[gone].any() for flags in found.present.values())
            for name, flags in want.present.items():
                np.testing.assert_array_equal(found.present[name][~gone], flags[~gone])
            for name, x in found.inputs.items():
                if name == "text/input_ids":
                    continue
                np.testing.assert_array_equal(x[~gone], want.inputs[name][~gone][:, : x.shape[1]])
                if name != "text/attention_mask":
                    assert not x[gone].any()
        again = holed.batch(1)
        equal(again, holed.batch(1))
    listed = lines_of(tmp_path / "bad_samples.jsonl")
    assert len(listed) == 4
    assert {record["id"] for record in listed} == {"1", "2", "20", ""}
    assert all("train.jsonl:" in record["place"] for record in listed)
    # With frozen towers all are known before the first step; else with the batch that has them.
    steps = {str(n): step for step in range(5) for n in holed.order.batch(step)[0]}
    for record in listed:
        met = steps[record["id"] or "10"]
        assert record["step"] == (0 if frozen == "both" else met), record
    assert len({record["step"] for record in listed}) == (1 if frozen == "both" else 3)
    reasons = " ".join(record["reason"] for record in listed)
    assert "20.png" in reasons
    assert "train.jsonl:11" in reasons
